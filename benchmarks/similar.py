"""Similar cases: precision at k by patient, beside chance: ``python -m benchmarks.similar DATA MODEL [MOST]``.

Every patient is left out of his own neighbours. DATA is a data set of class folders; MOST takes every n-th case so that
about so many are left. The network must not have learned from DATA, or the figure flatters: the starters did learn from
parts of the public sets, so compare with chance and take the figure as an upper bound.
"""

import sys
from pathlib import Path

import numpy as np

from hounsfield.cases.layouts import read_cases
from hounsfield.mine.embedding import embed, open_embedder
from hounsfield.mine.similar import IndexedCase, SimilarIndex


def main() -> None:
    data, model, most = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 10**9
    table, network = read_cases(data), open_embedder(model)
    chosen = table.cases[:: max(1, len(table.cases) // most)]
    rows = np.stack([embed(network, table.read(case).volume) for case in chosen])
    cases = tuple(
        IndexedCase(case.identifier, case.patient or case.identifier, table.class_names[case.label or 0])
        for case in chosen
    )
    index = SimilarIndex((model, "", ""), cases, rows)
    for k in (1, 5, 10):
        found = index.precision(k)
        of = f"{found.cases} cases, {found.patients} patients"
        print(f"precision@{k} {found.value:.3f}  chance {found.chance:.3f}  {of}")


if __name__ == "__main__":
    main()
