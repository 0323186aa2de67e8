"""Doppler arithmetic of the heart: gradients, continuity, proximal convergence, pressures.

Velocities in m/s, velocity-time integrals in cm, pressures in mmHg.
"""

from math import pi

from hounsfield.clinical.rules.heart_bands import require


def gradient(velocity_m_s: float) -> float:
    """Return the pressure difference in mmHg across a narrowing: 4 v^2 (simplified Bernoulli equation)."""
    return 4.0 * velocity_m_s**2


def right_ventricular_pressure(tricuspid_velocity_m_s: float, right_atrial_mmhg: float) -> float:
    """Return the systolic pressure of the right ventricle: 4 TR^2 + right atrial pressure."""
    return gradient(tricuspid_velocity_m_s) + right_atrial_mmhg


def valve_area_by_continuity(outflow_diameter_mm: float, outflow_vti_cm: float, valve_vti_cm: float) -> float:
    """Return the area of the aortic valve in cm2: pi / 4 x D^2 x VTI of the outflow tract / VTI of the valve."""
    return pi / 4 * (outflow_diameter_mm / 10.0) ** 2 * velocity_index(outflow_vti_cm, valve_vti_cm)


def velocity_index(outflow: float, valve: float) -> float:
    """Return the dimensionless index (DVI): outflow tract over valve, both integrals or both peak velocities."""
    require("valve", valve)
    require("outflow", outflow, may_be_zero=True)
    return outflow / valve


def mitral_area_by_half_time(half_time_ms: float) -> float:
    """Return the area of the mitral valve in cm2: 220 / pressure half-time (Hatle 1979)."""
    require("half_time_ms", half_time_ms)
    return 220.0 / half_time_ms


def regurgitant_orifice(radius_mm: float, aliasing_m_s: float, peak_m_s: float) -> float:
    """Return the effective regurgitant orifice in cm2 by proximal convergence: 2 pi r^2 x aliasing / peak velocity."""
    require("radius_mm", radius_mm, may_be_zero=True)
    require("aliasing_m_s", aliasing_m_s, may_be_zero=True)
    require("peak_m_s", peak_m_s)
    return 2 * pi * (radius_mm / 10.0) ** 2 * aliasing_m_s / peak_m_s


def regurgitant_volume(orifice_cm2: float, regurgitant_vti_cm: float) -> float:
    """Return the volume in ml that flows back with each beat: orifice x integral of the jet."""
    return orifice_cm2 * regurgitant_vti_cm


def regurgitant_fraction(regurgitant_ml: float, total_ml: float) -> float:
    """Return what flows back in percent of the whole stroke volume of the ventricle."""
    require("total_ml", total_ml)
    return regurgitant_ml / total_ml * 100.0


def filling_ratio(early_cm_s: float, other_cm_s: float) -> float:
    """Return E/A or E/e', from velocities in cm/s."""
    require("early_cm_s", early_cm_s, may_be_zero=True)
    require("other_cm_s", other_cm_s)
    return early_cm_s / other_cm_s
