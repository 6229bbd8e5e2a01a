"""Where the 33 BlazePose landmarks are on an Anny body.

Three kinds, picked once on the default body (topology and rig "anny", 13,718 vertices):

- `REGRESSED`: Anny's own COCO whole-body keypoints (weighted means of vertices).
- `BONES`: beginnings of bones. BlazePose asks for the first knuckles of little finger and index and
  the second of the thumb; these are where `finger5-1`, `finger2-1` and `finger1-2` begin.
- `VERTICES`: points of the skin. The eye's corners are the inmost and outmost vertices of the seam
  between face and eye socket, the mouth's corners the outmost of the seam between face and mouth
  (both seams from Anny's map of body parts).
"""

from kpcomplete.skeleton import Skeleton

NAMES = Skeleton.load("blazepose33").joints

_BOTH = ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle", "heel")

#: Landmark -> name of Anny's COCO keypoint.
REGRESSED = (
    {"nose": "nose"}
    | {f"{side}_{part}": f"{side}_{part}" for side in ("left", "right") for part in _BOTH}
    | {f"{side}_foot_index": f"{side}_big_toe" for side in ("left", "right")}
)

#: Landmark -> bone that begins there.
BONES = {
    "left_pinky": "finger5-1.L",
    "right_pinky": "finger5-1.R",
    "left_index": "finger2-1.L",
    "right_index": "finger2-1.R",
    "left_thumb": "finger1-2.L",
    "right_thumb": "finger1-2.R",
}

#: Landmark -> vertex.
VERTICES = {
    "left_eye_inner": 7779,
    "left_eye_outer": 7766,
    "right_eye_inner": 1103,
    "right_eye_outer": 1090,
    "mouth_left": 7256,
    "mouth_right": 527,
}

#: Landmark -> parts of the own body that meet there; looking at the joint one looks at them. Those
#: of the head have none: they are on the skin.
FLESH = {
    f"{side}_{joint}": tuple(part.replace("*", side[0].upper()) for part in parts.split())
    for side in ("left", "right")
    for joint, parts in {
        "shoulder": "torso arm.*",
        "elbow": "arm.* forearm.*",
        "wrist": "forearm.* hand.*",
        "pinky": "hand.*",
        "index": "hand.*",
        "thumb": "hand.*",
        "hip": "torso leg.*",
        "knee": "leg.*",
        "ankle": "leg.* foot.*",
        "heel": "foot.*",
        "foot_index": "foot.*",
    }.items()
}
