"""Coded words of the fracture task; local codes only where no vocabulary at hand has one."""

from hounsfield.core.codes import PRIVATE_SCHEME, CodedConcept


def _local(value: str, meaning: str, meaning_zh: str) -> CodedConcept:
    return CodedConcept(value, PRIVATE_SCHEME, meaning, meaning_zh)


READING = _local("TWO_POINTS", "Reading at the rule-out and the rule-in point", "排除点与确认点判读")
RULED_IN = _local("AT_RULE_IN", "At or above the rule-in point", "达到或超过确认点")
BETWEEN = _local("BETWEEN_POINTS", "Between the points: undecided", "介于两点之间：未定")
BELOW_RULE_OUT = _local("BELOW_RULE_OUT", "Below the rule-out point", "低于排除点")
RULE_OUT = _local("RULE_OUT_POINT", "Rule-out point", "排除点")
RULE_IN = _local("RULE_IN_POINT", "Rule-in point", "确认点")
REGION = _local("REGION", "Region, from the header", "部位（来自头信息）")
SEEN_REGION = _local("REGION_SEEN", "Region, as a model sees it", "部位（模型识别）")
VIEW = _local("VIEW", "View, from the header", "体位（来自头信息）")
LOCALISATION = _local("LOCALISATION", "What the outline is", "轮廓含义")
BOX = _local("BOX_DETECTED", "A box that a detector drew", "检测器给出的框")
ATTENTION = _local("ATTENTION", "Where a classifier looked: weak localisation", "分类器关注区域：弱定位")
