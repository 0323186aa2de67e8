"""Coded words of the tumour task; local codes only where no vocabulary at hand has one."""

from hounsfield.core.codes import PRIVATE_SCHEME, CodedConcept
from hounsfield.core.quantities import Unit


def _local(value: str, meaning: str, meaning_zh: str) -> CodedConcept:
    return CodedConcept(value, PRIVATE_SCHEME, meaning, meaning_zh)


MEAN = _local("LESION_MEAN", "Mean value in the lesion", "病灶平均值")
DEVIATION = _local("LESION_SD", "Standard deviation in the lesion", "病灶标准差")
SUM = _local("SUM_OF_DIAMETERS", "Sum of diameters of the targets", "靶病灶直径总和")
ROLE = _local("RECIST_ROLE", "Role of the lesion", "病灶角色")
ROLES = {
    "target": _local("TARGET", "Target lesion", "靶病灶"),
    "proposed": _local("TARGET_PROPOSED", "Proposed as target by size", "按大小建议为靶病灶"),
    "non-target": _local("NON_TARGET", "Non-target lesion", "非靶病灶"),
    "new": _local("NEW_LESION", "New lesion", "新病灶"),
}
SIZE = _local("RECIST_SIZE", "Measurability by RECIST 1.1", "RECIST 1.1可测量性")
SIZES = {
    "measurable": _local("MEASURABLE", "Measurable", "可测量"),
    "non-measurable": _local("NON_MEASURABLE", "Not measurable", "不可测量"),
    "target": _local("NODE_TARGET", "Lymph node, measurable", "淋巴结，可测量"),
    "non-target": _local("NODE_NON_TARGET", "Lymph node, pathological, non-target", "淋巴结，病理性，非靶"),
    "normal": _local("NODE_SMALL", "Lymph node below 10 mm short axis", "短径小于10毫米的淋巴结"),
}
SUV_MAX = _local("SUV_MAX", "SUVmax", "SUV最大值")
SUV_MEAN = _local("SUV_MEAN", "SUVmean", "SUV平均值")
SUV_PEAK = _local("SUV_PEAK", "SUVpeak, highest mean of 1 ml", "SUV峰值（1毫升球最高均值）")
VOLUMES = {
    "fixed": (
        _local("MTV_41", "Metabolic volume above 41 % of SUVmax", "代谢体积（SUVmax的41%以上）"),
        _local("TLG_41", "Total lesion glycolysis above 41 % of SUVmax", "病灶糖酵解总量（SUVmax的41%以上）"),
    ),
    "above": (
        _local("MTV_2_5", "Metabolic volume above SUV 2.5", "代谢体积（SUV 2.5以上）"),
        _local("TLG_2_5", "Total lesion glycolysis above SUV 2.5", "病灶糖酵解总量（SUV 2.5以上）"),
    ),
    "liver": (
        _local("MTV_LIVER", "Metabolic volume above the liver (PERCIST)", "代谢体积（高于肝脏，PERCIST）"),
        _local("TLG_LIVER", "Total lesion glycolysis above the liver", "病灶糖酵解总量（高于肝脏）"),
    ),
}
LIVER_MEAN = _local("LIVER_MEAN", "Mean uptake of the liver, 3 cm sphere", "肝脏平均摄取（3厘米球）")
GLYCOLYSIS = {
    "g/ml": Unit("g", "gram"),
    "cm2/ml": Unit("cm2", "square centimeter"),
}
