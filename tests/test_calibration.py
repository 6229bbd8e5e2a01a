import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from kpcomplete.app import cli
from kpcomplete.board import Board, calibrate
from kpcomplete.calibration import read, write
from kpcomplete.camera import Camera
from kpcomplete.errors import SettingError, SourceError
from kpcomplete.lens import Lens

MATRIX = np.array([[520.0, 0, 322.0], [0, 515.0, 238.0], [0, 0, 1]])
BENDS = np.array([-0.2, 0.05, 0.001, -0.0005, 0.01])
QUALISYS = Path("../shared/media/pose2sim/Pose2Sim/Demo_SinglePerson/calibration/Calib.qca.txt")


def check(camera):
    assert (camera.width, camera.height) == (640, 480)
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (520, 515, 322, 238)
    np.testing.assert_allclose(camera.distortion, BENDS)


@pytest.mark.parametrize("ending", [".yml", ".json"])
def test_it_reads_what_opencv_writes(tmp_path, ending):
    path = tmp_path / f"camera{ending}"
    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
    storage.write("image_width", 640)
    storage.write("image_height", 480)
    storage.write("camera_matrix", MATRIX)
    storage.write("distortion_coefficients", BENDS)
    storage.release()
    (camera,) = read(path).values()
    check(camera)


def test_opencv_reads_what_it_writes(tmp_path):
    path = tmp_path / "camera.yml"
    turn = cv2.Rodrigues(np.array([0.1, 0.2, 0.3]))[0]
    camera = Camera(width=640, height=480, fx=520, fy=515, cx=322, cy=238, name="mirror",
                    distortion=tuple(BENDS), turn=turn, shift=np.array([1.0, 2, 3]))  # fmt: skip
    write(path, camera)
    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_READ)
    np.testing.assert_allclose(storage.getNode("camera_matrix").mat(), MATRIX)
    np.testing.assert_allclose(storage.getNode("distortion_coefficients").mat().ravel(), BENDS)
    back = read(path)["mirror"]
    check(back)
    np.testing.assert_allclose(back.turn, turn)
    np.testing.assert_allclose(back.shift, [1, 2, 3])


def test_a_camera_may_have_any_name(tmp_path):
    camera = Camera(width=640, height=480, fx=520, fy=515, cx=322, cy=238, name='15" "mirror" é\\')
    write(tmp_path / "camera.yml", camera)
    assert list(read(tmp_path / "camera.yml")) == [camera.name]


def test_a_picture_every_so_many_frames(tmp_path):
    with pytest.raises(SystemExit, match="every must be at least 1 frame, but is 0"):
        cli.run("calibrate", f"source={tmp_path}", "every=0")


def test_it_reads_pose2sim(tmp_path):
    pytest.importorskip("tomllib", reason="Python 3.10 reads no TOML by itself")
    path = tmp_path / "Calib.toml"
    path.write_text(
        '[cam_01]\nname = "cam_01"\nsize = [ 640.0, 480.0]\n'
        "matrix = [ [ 520.0, 0.0, 322.0], [ 0.0, 515.0, 238.0], [ 0.0, 0.0, 1.0]]\n"
        "distortions = [ -0.2, 0.05, 0.001, -0.0005, 0.01]\nrotation = [ 0.1, 0.2, 0.3]\n"
        "translation = [ 1.0, 2.0, 3.0]\nfisheye = false\n\n[metadata]\nadjusted = false\n"
    )
    camera = read(path)["cam_01"]
    check(camera)
    np.testing.assert_allclose(camera.turn, cv2.Rodrigues(np.array([0.1, 0.2, 0.3]))[0])


@pytest.mark.skipif(not QUALISYS.exists(), reason="needs ../shared/media/pose2sim")
def test_the_cameras_of_qualisys_look_at_one_place():
    cameras = read(QUALISYS)
    assert list(cameras) == ["cam01", "cam02", "cam03", "cam04"]
    centers = {name: -c.turn.T @ c.shift for name, c in cameras.items()}
    assert all(1 < center[2] < 3 for center in centers.values())  # metres above the floor
    middle = np.array([-0.94, -0.02, 0.59])
    for camera in cameras.values():
        x, y, z = camera.to_camera(middle)
        assert z > 3
        assert max(abs(x), abs(y)) < 0.15


def test_one_of_several_cameras_must_be_named(tmp_path):
    pytest.importorskip("tomllib")
    matrix = "[ [ 520.0, 0.0, 322.0], [ 0.0, 515.0, 238.0], [ 0.0, 0.0, 1.0]]"
    block = f'[{{0}}]\nname = "{{0}}"\nsize = [ 640, 480]\nmatrix = {matrix}\n'
    path = tmp_path / "Calib.toml"
    path.write_text(block.format("left") + block.format("right"))
    assert Lens(calibration=str(path), name="left").camera((640, 480)).name == "left"
    for name in (None, "middle"):
        with pytest.raises(SettingError, match=r"has the cameras left, right.*camera\.name=NAME"):
            Lens(calibration=str(path), name=name).camera((640, 480))


@pytest.mark.parametrize("text", ["", "hello", "{}", "<a/>", "a: 1", "<", '{"camera_matrix": 3}'])
def test_it_says_what_is_no_calibration(tmp_path, text):
    path = tmp_path / "camera.yml"
    path.write_text(text)
    with pytest.raises(SourceError, match=r"camera\.yml should (be a calibration|hold at least)"):
        read(path)


def test_intrinsics_of_other_images_are_refused(tmp_path):
    path = tmp_path / "camera.json"
    values = {"camera_matrix": MATRIX.tolist(), "image_size": [200, 100], "dist_coeffs": []}
    path.write_text(json.dumps(values))
    with pytest.raises(SettingError, match="do not fit an image of 200 x 100"):
        read(path)


def views(board, count=12, spread=0.5, seed=0):
    """Pictures of a board by the camera above, without distortion."""
    size = (board.columns + 1, board.rows + 1)
    side = 40
    picture = np.full(((size[1] + 2) * side, (size[0] + 2) * side), 255, np.uint8)
    for x in range(size[0]):
        for y in range(size[1]):
            if (x + y) % 2 == 0:
                picture[(y + 1) * side : (y + 2) * side, (x + 1) * side : (x + 2) * side] = 0
    place = board.square / side
    # pixel (x, y) of the picture lies on the board, whose first inner corner is the origin
    onto = np.array([[place, 0, -2 * board.square + place / 2],
                     [0, place, -2 * board.square + place / 2], [0, 0, 1]])  # fmt: skip
    rng = np.random.default_rng(seed)
    for _ in range(count):
        turn = cv2.Rodrigues(rng.uniform(-spread, spread, 3))[0]
        middle = np.array([board.columns - 1, board.rows - 1, 0]) * board.square / 2
        shift = np.array([*rng.uniform(-0.06, 0.06, 2), rng.uniform(0.35, 0.5)]) - turn @ middle
        flat = MATRIX @ np.column_stack([turn[:, 0], turn[:, 1], shift]) @ onto
        seen = cv2.warpPerspective(picture, flat, (640, 480), flags=cv2.INTER_AREA,
                                   borderValue=255)  # fmt: skip
        yield cv2.cvtColor(seen, cv2.COLOR_GRAY2BGR)


def test_a_camera_is_found_from_a_chessboard():
    board = Board()
    found = calibrate(board, views(board))
    assert found.pictures >= 8
    assert found.error < 0.3
    assert found.camera.fx == pytest.approx(520, rel=0.01)
    assert found.camera.cy == pytest.approx(238, abs=5)


def test_a_board_that_is_never_tilted_says_nothing():
    board = Board()
    with pytest.raises(SettingError, match="do not determine the camera"):
        calibrate(board, views(board, spread=0.0))


def test_too_few_pictures_are_said_to_be_so():
    board = Board()
    with pytest.raises(SourceError, match="but 0 of 3 do"):
        calibrate(board, [np.zeros((480, 640, 3), np.uint8)] * 3)


def test_a_charuco_board_is_found():
    board = Board(columns=7, rows=5, square=0.03, marker=0.02)
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
    picture = cv2.aruco.CharucoBoard((7, 5), 0.03, 0.02, dictionary).generateImage((560, 400))
    image = cv2.copyMakeBorder(picture, 40, 40, 40, 40, cv2.BORDER_CONSTANT, value=255)
    solid, flat = board.find(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR))
    assert len(solid) == 24
    scale = np.linalg.norm(flat[1] - flat[0]) / np.linalg.norm(solid[1] - solid[0])
    assert scale == pytest.approx(80 / 0.03, rel=0.01)


@pytest.mark.parametrize(
    "wrong",
    [
        {"columns": 2},
        {"square": 0.0},
        {"marker": 0.03},
        {"dictionary": "DICT_X"},
        {"dictionary": "CharucoBoard"},
    ],
)
def test_a_board_that_cannot_be_is_refused(wrong):
    with pytest.raises(SettingError):
        Board(**wrong)
