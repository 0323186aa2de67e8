"""Numbers in sentences are written as people write them."""

import pytest

from hounsfield.report.narrative import number_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12604.2, "12604"),
        (1000.4, "1000"),
        (999.96, "1000"),
        (6.8309, "6.831"),
        (0.0042113, "0.004211"),
        (-1234.5, "-1234"),
        (0.0, "0"),
    ],
)
def test_numbers_have_no_power_of_ten(value, text):
    assert number_text(value) == text
