"""What single importers do; what all of them promise is in test_contract_importer.py."""

import json

import keypoint_files as files
import numpy as np
import pytest

from kpcomplete.errors import SkeletonError, SourceError
from kpcomplete.importer._names import plain
from kpcomplete.importer._people import Found, associate
from kpcomplete.importer.coco import Coco
from kpcomplete.importer.deeplabcut import DeepLabCut
from kpcomplete.importer.mediapipe_json import MediaPipeJson
from kpcomplete.importer.mmpose import MMPose
from kpcomplete.importer.openpose import OpenPose
from kpcomplete.importer.sktdd import SktDD
from kpcomplete.importer.table import Table
from kpcomplete.skeleton import Skeleton

pytestmark = pytest.mark.filterwarnings("error")
CANONICAL = Skeleton.load("blazepose33")


def write(path, text):
    path.write_text(text if isinstance(text, str) else json.dumps(text))
    return path


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("nose", "nose"),
        ("leftShoulder", "left_shoulder"),
        ("Left Eye Inner", "left_eye_inner"),
        ("RElbow", "right_elbow"),
        ("l_wrist", "left_wrist"),
        ("knee_right", "right_knee"),
        ("LEFT_HIP", "left_hip"),
        ("mouth_left", "mouth_left"),
        ("left_foot_index", "left_foot_index"),
    ],
)
def test_spellings_of_a_name(theirs, ours):
    assert plain(theirs) == ours


def test_people_are_followed_when_they_swap_places_in_the_list_and_return():
    found = Found(where="x")
    for t in range(100):
        for x in (100 + t, 400 - t) if t % 2 else (400 - t, 100 + t):
            if x == 400 - t and 20 <= t < 50:  # hidden for a second
                continue
            pose = np.array([[x, 50.0], [x, 250.0], [x + 60, 250.0]])
            found.add(t, None, pose, np.ones(3))
    names = associate(found)
    assert sorted(set(names)) == ["person0", "person1"]
    right = [n for n, p in zip(names, found.keypoints, strict=True) if p[0, 0] > 250][:15]
    assert set(right) == {names[0]}
    first = [p[0, 0] for n, p in zip(names, found.keypoints, strict=True) if n == "person1"]
    assert (np.diff(first) == 1).all()


def test_somebody_far_away_is_somebody_else():
    found = Found(where="x")
    for t, x in enumerate([0.0, 5.0, 900.0, 905.0]):
        found.add(t, None, np.array([[x, 0.0], [x, 100.0]]), np.ones(2))
    assert associate(found) == ["person0", "person0", "person1", "person1"]


def test_openpose_frames_are_those_of_the_file_names(tmp_path):
    folder = tmp_path / "json"
    folder.mkdir()
    flat = files.rows(files.people("openpose18")[0, 0]).ravel().tolist()
    for number, people in ((7, [flat]), (10, []), (9, [flat])):
        found = [{"pose_keypoints_2d": p} for p in people]
        write(folder / f"a_{number:012d}_keypoints.json", {"people": found})
    (sequence,) = OpenPose(fps=10)(folder)
    assert sequence.skeleton.name == "openpose18"
    assert sequence.is_observed.any(axis=1).tolist() == [True, False, True, False]
    np.testing.assert_allclose(sequence.times, [0.7, 0.8, 0.9, 1.0])


def test_openpose_of_an_empty_car(tmp_path):
    (tmp_path / "a").mkdir()
    for t in range(3):
        write(tmp_path / "a" / f"{t:012d}_keypoints.json", {"people": []})
    (sequence,) = OpenPose(fps=10)(tmp_path / "a")
    assert sequence.is_missing.all()
    assert len(sequence) == 3


@pytest.mark.parametrize(
    ("people", "cause"),
    [
        ([{"pose_keypoints_2d": [1.0] * 74}], "must have 75 .* has 74"),
        ([{"pose_keypoints_2d": [1.0] * 75}, {"pose_keypoints_2d": [1.0] * 54}], "the same in all"),
        ([{}], "'pose_keypoints_2d'"),
        ({}, "'people', a list"),
    ],
)
def test_openpose_refuses(tmp_path, people, cause):
    (tmp_path / "a").mkdir()
    write(tmp_path / "a" / "000000000003_keypoints.json", {"people": people})
    with pytest.raises(SourceError, match=cause) as caught:
        OpenPose()(tmp_path / "a")
    assert "000000000003_keypoints.json" in str(caught.value)


def test_coco_results(tmp_path):
    path = files.coco_results(tmp_path / "results.json")
    assert Coco().sniff(path)
    sequences = Coco(fps=30)(path)
    assert [s.person for s in sequences] == ["person0", "person1"]
    np.testing.assert_allclose([s.keypoints for s in sequences], files.people("coco17"), atol=2e-3)
    assert np.unique(sequences[0].confidence).tolist() == [0, 0.5]


def test_coco_uses_names_times_and_seats_of_the_file(tmp_path):
    document = {
        "images": [{"id": 5 - i, "width": 64, "height": 48, "frame": i, "time": i / 10}
                   for i in range(3)],
        "annotations": [
            {"image_id": 5 - i, "seat": "driver", "confidence": [0.25, 0.75],
             "keypoints": [1.0, 2.0, 2, 3.0, 4.0 + i, 1]} for i in range(3)
        ] + [{"image_id": 5, "seat": "x", "iscrowd": 1, "keypoints": [0.0] * 6}],
        "categories": [{"keypoints": ["Left Wrist", "hand"]}],
    }  # fmt: skip
    path = write(tmp_path / "a.json", document)
    (driver,) = Coco(joints={"hand": "right_wrist"})(path)
    assert driver.person == "driver"
    assert driver.fps == pytest.approx(10)
    assert driver.image_size == (64, 48)
    np.testing.assert_allclose(driver.times, [0, 0.1, 0.2])
    canonical = driver.to(CANONICAL)
    right = canonical.keypoints[:, CANONICAL.index("right_wrist")]
    np.testing.assert_allclose(right, [[3, 4], [3, 5], [3, 6]])
    assert canonical.confidence[0, CANONICAL.index("left_wrist")] == 0.25


@pytest.mark.parametrize(
    ("second", "cause"),
    [((80, 60), r"one size, but have \(64, 48\) and \(80, 60\)"), ((64, []), "must be pixels")],
)
def test_coco_refuses_images_of_other_sizes(tmp_path, second, cause):
    images = [{"id": i, "width": w, "height": h} for i, (w, h) in enumerate([(64, 48), second])]
    path = write(tmp_path / "a.json", {"images": images, "annotations": []})
    with pytest.raises(SourceError, match=cause):
        Coco()(path)


def test_unknown_joints_are_listed_with_the_accepted_ones(tmp_path):
    names = ["tail", *Skeleton.load("coco17").joints[1:-1], "paw"]
    path = files.coco(tmp_path / "a.json", names)
    with pytest.raises(SkeletonError, match=r"'tail', 'paw'.*joints=.*'left_shoulder'"):
        Coco()(path)
    assert len(Coco(joints={"tail": "nose", "paw": "right_ankle"}, fps=30)(path)) == 2
    with pytest.raises(SkeletonError, match=r"maps to 'snout'; accepted are 'nose'"):
        Coco(joints={"tail": "snout"})(path)
    with pytest.raises(SkeletonError, match="names a joint twice: 'left_eye'"):
        Coco(joints={"tail": "left_eye", "paw": "nose"})(path)


@pytest.mark.parametrize(
    ("skeleton", "count", "meta"),
    [("coco17", None, False), ("halpe26", None, False), ("halpe26", None, True)],
)
def test_mmpose_skeletons(tmp_path, skeleton, count, meta):
    path = files.mmpose(tmp_path / "a.json", skeleton, count, meta)
    sequences = MMPose(fps=30)(path)
    assert sequences[0].skeleton.joints == Skeleton.load(skeleton).joints
    np.testing.assert_allclose([s.keypoints for s in sequences], files.people(skeleton), atol=2e-3)


def test_mmpose_whole_body_keeps_body_and_feet(tmp_path):
    path = files.mmpose(tmp_path / "a.json", "coco17", 133, meta=False)
    (first, _) = MMPose(fps=30)(path)
    assert len(first.skeleton) == 23
    feet = first.to(CANONICAL).keypoints[0, CANONICAL.index("left_foot_index")]
    np.testing.assert_allclose(feet, [1, 1])


def test_mmpose_frames_alone_and_a_single_image(tmp_path):
    document = json.loads(files.mmpose(tmp_path / "a.json").read_text())["instance_info"]
    frames = write(tmp_path / "frames.json", document)
    image = write(tmp_path / "image.json", document[0]["instances"])
    assert MMPose().sniff(frames)
    assert MMPose().sniff(image)
    assert [len(s) for s in MMPose(fps=30)(frames)] == [6, 6]
    assert [len(s) for s in MMPose(fps=30)(image)] == [1, 1]


def test_sktdd_views_zeros_and_repeated_frames(tmp_path):
    mirror, side = SktDD()(files.sktdd(tmp_path / "a.csv"))
    assert (mirror.person, side.person) == ("mirror", "side")
    wrist = mirror.skeleton.index("right_wrist")
    assert mirror.is_missing[:, wrist].tolist() == [False, False, True, False, False, False]
    assert mirror.fps == 30


def test_sktdd_real_file(shared):
    folder = shared / "data" / "sktdd" / "original_sktDD" / "testing" / "trajectories"
    (side,) = SktDD()(folder / "001-02" / "00001.csv")
    assert side.person == "side"
    assert len(side) == 3483
    assert 0.3 < side.is_observed.mean() < 0.8


def test_mediapipe_arrays_and_what_google_expects(shared):
    (squats,) = MediaPipeJson(fps=5)(shared / "media/tfjs_pose/pose_squats.full.json")
    assert len(squats) == 65
    np.testing.assert_allclose(squats.keypoints[0, 0], [360.10016, 238.05194], rtol=1e-6)
    path = shared / "media/mediapipe_samples/test_image_expected_landmarks.json"
    with pytest.raises(SourceError, match=r"choose by key="):
        MediaPipeJson()(path)
    with pytest.raises(SourceError, match=r"image_size=\[width, height\] must be given"):
        MediaPipeJson(key="poseLandmarkerFullResults")(path)
    key = "poseLandmarkerFullResults"
    (woman,) = MediaPipeJson(fps=1, key=key, image_size=(960, 640))(path)
    assert 0 < woman.keypoints[0, 0, 0] < 960
    (dance,) = MediaPipeJson(fps=30)(shared / "media/tfjs_pose/pose_1.json")
    assert len(dance) == 120
    assert dance.to(Skeleton.load("coco17")).is_observed.all()


def test_mediapipe_frames_without_anybody(tmp_path):
    pose = [{"x": 10.0 * j, "y": 20.0} for j in range(33)]
    path = write(tmp_path / "a.json", [None, pose, [], {"landmarks": [pose]}, {}])
    (person,) = MediaPipeJson(fps=30)(path)
    assert person.is_observed.any(axis=1).tolist() == [False, True, False, True, False]
    with pytest.raises(SourceError, match=r"frame 1: a pose must have 33 landmarks, but has 32"):
        MediaPipeJson(fps=30)(write(tmp_path / "b.json", [pose, pose[:32]]))


def test_deeplabcut_of_one_animal(tmp_path):
    path = files.deeplabcut(tmp_path / "a.csv", individuals=False)
    (person,) = DeepLabCut(fps=30)(path)
    np.testing.assert_allclose(person.keypoints, files.people("coco17")[0], atol=2e-3)


def test_table_times_and_what_was_filled_in(tmp_path):
    text = (
        '"frame","time_s","seat","joint","state","x","y"\n'
        "4,0.4,driver,nose,observed,1,2\n4,0.4,driver,left_ear,completed,3,4\n"
        "2,0.1,driver,nose,missing,,\n7,0.7,,,missing,,\n"
    )
    (driver,) = Table()(write(tmp_path / "a.csv", text))
    np.testing.assert_allclose(driver.times, [0.1, 0.25, 0.4, 0.5, 0.6, 0.7])
    assert driver.fps == pytest.approx(5 / 0.6, abs=1e-3)
    assert driver.person == "driver"
    assert Table().sniff(tmp_path / "a.csv")
    assert np.argwhere(driver.is_observed).tolist() == [[2, driver.skeleton.index("nose")]]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("frame,joint,x,y\n1,nose,1,2\n1,nose,3,4\n", "data row 1: joint 'nose' .* twice"),
        ("frame,joint,x,y\n-1,nose,1,2\n", "frame number must be whole and 0"),
        ("frame,joint,x,y\n1.5,nose,1,2\n", "frame number must be whole and 0"),
        ("frame,joint,x,y\n99999999,nose,1,2\n", "frame number must be whole and 0..9999999"),
        ("frame,joint,x,y\n0,nose,1,2\n9999999,left_ear,1,2\n1,right_ear,1,1\n0,left_eye,1,1\n"
         "0,left_hip,1,1\n0,right_eye,1,1\n0,right_hip,1,1\n0,left_knee,1,1\n0,right_knee,1,1\n"
         "0,left_heel,1,1\n0,right_heel,1,1\n", "span 10000000 frames .* split it"),
        ("frame,joint,x,y\n1,nose,1\n", "row 2: must have 4 fields"),
        ("frame,joint,x,y\n1,nose,1,2000000\n", "frame 1: coordinates must lie within 1e"),
        ("frame,time_s,joint,x,y\n1,1.0,nose,1,2\n2,0.5,nose,1,2\n", "times must rise"),
        ("frame,time_s,joint,x,y\n1,,nose,1,2\n", "time_s: must be given"),
        ("frame,joint,x,y\n1,nose,one,2\n", "column x, data row 1: must be a number, .* 'one'"),
        ("frame,joint,x,y\n", "holds no frame"),
        ("frame,x,y\n1,1,1\n", "must have the columns frame, joint, x, y"),
    ],
)  # fmt: skip
def test_table_refuses(tmp_path, text, cause):
    with pytest.raises(SourceError, match=cause) as caught:
        Table()(write(tmp_path / "bad.csv", text))
    assert "bad.csv" in str(caught.value)


def test_a_frame_rate_that_is_not_stated_is_logged(tmp_path, caplog):
    path = write(tmp_path / "a.csv", "frame,joint,x,y\n0,nose,1,2\n1,nose,1,2\n")
    assert Table()(path)[0].fps == 30
    assert "does not state a frame rate; taken for 30" in caplog.text


@pytest.mark.parametrize("size", [[0, 5], [1e9, 5], [5], "big", [5, None]])
def test_an_image_size_that_cannot_be_is_refused(tmp_path, size):
    with pytest.raises(SourceError, match="image_size"):
        SktDD(image_size=size)(files.sktdd(tmp_path / "a.csv"))
