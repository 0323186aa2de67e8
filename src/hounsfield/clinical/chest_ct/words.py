"""Coded words of the chest CT task; local codes only where no vocabulary at hand has one."""

from hounsfield.clinical.chest_ct.measure import NoduleType
from hounsfield.core.codes import PRIVATE_SCHEME, CodedConcept
from hounsfield.core.quantities import Unit

MILLIGRAM = Unit("mg", "milligram")


def _local(value: str, meaning: str, meaning_zh: str) -> CodedConcept:
    return CodedConcept(value, PRIVATE_SCHEME, meaning, meaning_zh)


MASS = _local("NODULE_MASS", "Nodule mass", "结节质量")
MEAN_DIAMETER = _local("MEAN_DIAMETER", "Mean of long and short axis", "长短径平均值")
MEAN_ATTENUATION = _local("MEAN_HU", "Mean attenuation", "平均CT值")
SOLID_AXIS = _local("SOLID_LONG_AXIS", "Long axis of the solid part", "实性成分长径")
SOLID_VOLUME = _local("SOLID_VOLUME", "Volume of the solid part", "实性成分体积")
SPHERICITY = _local("SPHERICITY", "Sphericity", "球形度")
SPICULATION = _local("SPICULATION_IDX", "Share of the nodule in thin spikes", "毛刺占比")
PLEURAL = _local("PLEURAL_CONTACT", "Share of the surface at the pleura", "胸膜接触比例")
CALCIFIED = _local("CALCIFIED_SHARE", "Share of calcified tissue", "钙化比例")
FAT = _local("FAT_SHARE", "Share of fat", "脂肪比例")
ATTENUATION = _local("NODULE_TYPE", "Attenuation of the nodule", "结节密度类型")
HEIGHT = _local("LUNG_THIRD", "Third of the lung", "肺野高度")
LUNG_VOLUME = _local("LUNG_VOLUME", "Volume of the lung", "肺体积")
EMPHYSEMA = _local("LAA_950", "Share of lung below -950 HU", "低于-950HU的肺比例")
LUNG = _local("LUNG_MEASURES", "Lung, as measured", "肺（测量值）")
SEARCH = _local("NODULE_SEARCH", "Nodule found by the search", "搜索到的结节")

TYPES = {
    NoduleType.SOLID: _local("SOLID", "Solid", "实性"),
    NoduleType.PART_SOLID: _local("PART_SOLID", "Part-solid", "部分实性"),
    NoduleType.GROUND_GLASS: _local("GROUND_GLASS", "Ground-glass", "磨玻璃"),
}
THIRDS = (
    _local("LOWER_THIRD", "Lower third", "下三分之一"),
    _local("MIDDLE_THIRD", "Middle third", "中三分之一"),
    _local("UPPER_THIRD", "Upper third", "上三分之一"),
)
