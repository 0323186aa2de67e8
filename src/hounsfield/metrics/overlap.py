"""Overlap of two masks: Dice, Jaccard and volume similarity.

Two empty masks agree in full and score 1 (as MONAI's ``DiceMetric(ignore_empty=False)``; others return NaN); an empty
mask and one that is not score 0. Formulas and names: Taha and Hanbury 2015, BMC Medical Imaging 15:29.
"""

from hounsfield.metrics.masks import MaskPair


def dice_score(pair: MaskPair) -> float:
    """Return 2|A ∩ B| / (|A| + |B|), Dice 1945 (Ecology 26:297)."""
    return _fraction(2 * pair.common_voxels, pair.first_voxels + pair.second_voxels)


def jaccard_score(pair: MaskPair) -> float:
    """Return |A ∩ B| / |A ∪ B|, Jaccard 1912 (New Phytologist 11:37)."""
    return _fraction(pair.common_voxels, pair.first_voxels + pair.second_voxels - pair.common_voxels)


def volume_similarity_score(pair: MaskPair) -> float:
    """Return 1 - ||A| - |B|| / (|A| + |B|): only the volumes are compared, not where they lie.

    Taha and Hanbury 2015, equation 14. SimpleITK's ``GetVolumeSimilarity`` is another figure of the same name,
    2(|A| - |B|) / (|A| + |B|), which has a sign.
    """
    total = pair.first_voxels + pair.second_voxels
    return _fraction(total - abs(pair.first_voxels - pair.second_voxels), total)


def _fraction(part: int, whole: int) -> float:
    return part / whole if whole else 1.0
