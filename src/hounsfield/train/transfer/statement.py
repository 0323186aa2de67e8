"""What a manifest says of the model that the weights came from: its licence and data go along with them."""

from hounsfield.messages import LANGUAGES, sentence
from hounsfield.model.statements import Bilingual, DataSource, DataStatement
from hounsfield.train.transfer.plan import TransferPlan

MOST_SOURCES = 50


def with_origin(data: DataStatement, transfer: TransferPlan | None) -> DataStatement:
    """Return the statement with the model the weights came from, and the data that it was made of."""
    if transfer is None:
        return data
    weights = DataSource(
        name=f"weights of {transfer.name} {transfer.version}".strip()[:400],
        licence=transfer.licence[:400],
        use=f"start: {transfer.taken} of {transfer.wanted} tensors, SHA-256 {transfer.digest}",
        sha256=transfer.digest,
    )
    use = f"learned by {transfer.name}"[:400]
    learned = [
        DataSource(name=item.name, url=item.url, licence=item.licence, images=item.images, use=use)
        for item in transfer.data
    ]
    return data.model_copy(update={"sources": [*data.sources, weights, *learned][:MOST_SOURCES]})


def origin_limits(transfer: TransferPlan | None) -> list[Bilingual]:
    """Return the limit that the licence of the weights sets."""
    if transfer is None:
        return []
    facts = {"source": f"{transfer.name} {transfer.version}".strip(), "licence": transfer.licence or "-"}
    english, chinese = (sentence("ui.train.limit.origin", facts, language) for language in LANGUAGES)
    return [Bilingual(en=english, zh=chinese)]
