"""Coded words of the heart task: SNOMED CT, LOINC and DICOM where they have one, local codes elsewhere."""

from hounsfield.core.codes import PRIVATE_SCHEME, CodedConcept
from hounsfield.core.quantities import Quantity, Unit

GRAM = Unit("g", "gram")
MILLIGRAM = Unit("mg", "milligram")
NO_UNIT = Unit("1", "no units")
HOUNSFIELD = Quantity.HOUNSFIELD.unit
LITRE_PER_MINUTE = Unit("l/min", "liter per minute")


def _local(value: str, meaning: str, meaning_zh: str) -> CodedConcept:
    return CodedConcept(value, PRIVATE_SCHEME, meaning, meaning_zh)


HEART = CodedConcept("80891009", "SCT", "Heart", "心脏")
LEFT_VENTRICLE = CodedConcept("87878005", "SCT", "Left ventricle", "左心室")
RIGHT_VENTRICLE = CodedConcept("53085002", "SCT", "Right ventricle", "右心室")

LEFT_MEASURES = _local("LV_MEASURES", "Left ventricle, as measured", "左心室（测量值）")
RIGHT_MEASURES = _local("RV_MEASURES", "Right ventricle, as measured", "右心室（测量值）")
MUSCLE_MEASURES = _local("MUSCLE_MEASURES", "Muscle of the left ventricle, as measured", "左心室心肌（测量值）")
ECHO = _local("ECHO_MEASURES", "Echocardiography, as measured", "超声心动图（测量值）")
CINE = _local("CINE_CAVITY", "Dark cavity of an apical cine, as followed", "心尖切面电影中的暗腔（追踪值）")
BEATS = _local("BEATS", "Beats averaged", "平均心搏数")
SEGMENT_MEASURES = _local("WALL_SEGMENT", "Segment of the wall, as measured", "室壁节段（测量值）")

LV_EDV = CodedConcept("8821-1", "LN", "Left Ventricular ED Volume", "左心室舒张末期容积")
LV_ESV = CodedConcept("8823-7", "LN", "Left Ventricular ES Volume", "左心室收缩末期容积")
LV_EF_MR = CodedConcept("8811-2", "LN", "Left ventricular ejection fraction by MR", "左心室射血分数（MR）")
LV_EF_US = CodedConcept("18043-0", "LN", "Left Ventricular Ejection Fraction by US", "左心室射血分数（超声）")
RV_EDV = CodedConcept("8822-9", "LN", "Right Ventricular ED Volume", "右心室舒张末期容积")
RV_ESV = CodedConcept("8824-5", "LN", "Right Ventricular ES Volume", "右心室收缩末期容积")
RV_EF_MR = CodedConcept("8818-7", "LN", "Right ventricular ejection fraction by MR", "右心室射血分数（MR）")
STROKE_VOLUME = CodedConcept("90096001", "SCT", "Stroke Volume", "每搏输出量")
RV_STROKE_VOLUME = CodedConcept("429483009", "SCT", "RV Stroke Volume", "右心室每搏输出量")
CARDIAC_OUTPUT = CodedConcept("82799009", "SCT", "Cardiac Output", "心输出量")
LV_MASS = CodedConcept("18087-7", "LN", "Left Ventricle Mass", "左心室质量")

CALCIUM = CodedConcept("450360000", "SCT", "Coronary artery calcium score", "冠状动脉钙化积分")
AGATSTON = CodedConcept("112058", "DCM", "Calcium score", "Agatston钙化积分")
CALCIUM_VOLUME = CodedConcept("122660", "DCM", "Calcium Volume", "钙化体积")
CALCIUM_MASS = CodedConcept("122661", "DCM", "Calcium Mass", "钙化质量")

WALL_THICKNESS = CodedConcept("122445", "DCM", "Wall Thickness", "室壁厚度（舒张末期）")
END_SYSTOLIC_THICKNESS = _local("WALL_ES_THICK", "Wall thickness at end-systole", "室壁厚度（收缩末期）")
THICKENING = _local("WALL_THICKENING", "Wall thickening", "室壁增厚率")

SEGMENTS = (
    CodedConcept("264850008", "SCT", "left ventricle basal anterior segment", "左心室基底段前壁"),
    CodedConcept("396482007", "SCT", "left ventricle basal anteroseptal segment", "左心室基底段前间隔"),
    CodedConcept("396646008", "SCT", "left ventricle basal inferoseptal segment", "左心室基底段下间隔"),
    CodedConcept("264846001", "SCT", "left ventricle basal inferior segment", "左心室基底段下壁"),
    CodedConcept("396652009", "SCT", "left ventricle basal inferolateral segment", "左心室基底段下侧壁"),
    CodedConcept("396654005", "SCT", "left ventricle basal anterolateral segment", "左心室基底段前侧壁"),
    CodedConcept("264848000", "SCT", "left ventricle mid anterior segment", "左心室中间段前壁"),
    CodedConcept("396647004", "SCT", "left ventricle mid anteroseptal segment", "左心室中间段前间隔"),
    CodedConcept("396649001", "SCT", "left ventricle mid inferoseptal segment", "左心室中间段下间隔"),
    CodedConcept("264847005", "SCT", "left ventricle mid inferior segment", "左心室中间段下壁"),
    CodedConcept("396655006", "SCT", "left ventricle mid inferolateral segment", "左心室中间段下侧壁"),
    CodedConcept("396656007", "SCT", "left ventricle mid anterolateral segment", "左心室中间段前侧壁"),
    CodedConcept("264844003", "SCT", "left ventricle apical anterior segment", "左心室心尖段前壁"),
    CodedConcept("264845002", "SCT", "left ventricle apical septal segment", "左心室心尖段间隔"),
    CodedConcept("264849008", "SCT", "left ventricle apical inferior segment", "左心室心尖段下壁"),
    CodedConcept("264853005", "SCT", "left ventricle apical lateral segment", "左心室心尖段侧壁"),
)
"""Segments 1 to 16 of the American Heart Association (Cerqueira 2002, Circulation 105:539); 17, the tip of the apex, is
not seen in short axis."""
