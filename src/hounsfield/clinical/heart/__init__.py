"""Heart: short-axis MR, coronary calcium and echocardiography, measured and held against written rules."""
