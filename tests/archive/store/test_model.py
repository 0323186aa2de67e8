"""A store beside a model of it: receives, releases, discards and crashes in any order, and both say the same."""

import hashlib
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from hounsfield.archive.store import Outcome, open_store
from tests.archive.store.killing import Audit, audit_agreement, object_of

PROJECTS = ("a", "b")
_NUMBERS = st.integers(1, 4)
_VERSIONS = st.sampled_from(["PAT00000", "PAT00001"])


def content_of(number: int, version: str) -> bytes:
    """Return one of two contents of a UID: they differ in the name of the patient, not in who it is."""
    name = {"PAT00000": b"Nemo^Nobody", "PAT00001": b"Nemo^Somebo"}[version]
    return object_of(number).replace(b"Nemo^Nobody", name)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class StoreBesideModel(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = Path(self.temporary.name)
        self.store = open_store(self.folder)
        self.kept: dict[tuple[str, int], str] = {}
        self.apart: set[tuple[str, str]] = set()

    def teardown(self):
        self.store.close()
        self.temporary.cleanup()

    # ---- what people do

    @rule(number=_NUMBERS, version=_VERSIONS, project=st.sampled_from(PROJECTS))
    def receive(self, number, version, project):
        content = content_of(number, version)
        receipt = self.store.receive([content[:200], content[200:]], project)
        assert receipt.outcome is self._expected(number, digest(content), project)
        assert receipt.sha256 == digest(content)

    @rule(numbers=st.lists(_NUMBERS, min_size=2, max_size=5), version=_VERSIONS, project=st.sampled_from(PROJECTS))
    def receive_many(self, numbers, version, project):
        contents = [content_of(number, version) for number in numbers]
        receipts = self.store.receive_many(([content] for content in contents), project)
        for number, content, receipt in zip(numbers, contents, receipts, strict=True):
            assert receipt.outcome is self._expected(number, digest(content), project)

    def _expected(self, number, sha256, project):
        known = self.kept.setdefault((project, number), sha256)
        if known != sha256:
            self.apart.add((project, sha256))
            return Outcome.CONFLICT
        return Outcome.STORED if self._is_first(project, number) else Outcome.HELD

    def _is_first(self, project, number):
        seen = self.__dict__.setdefault("seen", set())
        is_first = (project, number) not in seen
        seen.add((project, number))
        return is_first

    @rule(text=st.binary(min_size=1, max_size=8), project=st.sampled_from(PROJECTS))
    def receive_rubbish(self, text, project):
        content = b"rubbish " + text
        assert self.store.receive([content], project).outcome is Outcome.QUARANTINED
        self.apart.add((project, digest(content)))

    @precondition(lambda self: self.apart)
    @rule(data=st.data())
    def discard(self, data):
        project, sha256 = data.draw(st.sampled_from(sorted(self.apart)))
        quarantine = self.store.quarantine([project])
        (entry,) = (each for each in quarantine.entries() if each.sha256 == sha256)
        self.apart.discard((project, sha256))
        is_needed = sha256 in {*self.kept.values(), *(each for _, each in self.apart)}
        assert quarantine.discard(entry.entry) is not is_needed

    @precondition(lambda self: self.apart)
    @rule(data=st.data())
    def release_in_vain(self, data):
        project, sha256 = data.draw(st.sampled_from(sorted(self.apart)))
        quarantine = self.store.quarantine([project])
        (entry,) = (each for each in quarantine.entries() if each.sha256 == sha256)
        assert quarantine.release(entry.entry).outcome in (Outcome.CONFLICT, Outcome.QUARANTINED)

    @rule()
    def close_and_open(self):
        self.store.close()
        self.store = open_store(self.folder)
        assert self.store.recovered == type(self.store.recovered)()

    @rule()
    def crash_and_open(self):
        self.store._has_failed = True
        self.store.close()
        self.store = open_store(self.folder)
        assert (self.store.recovered.reindexed, self.store.recovered.missing) == (0, 0)

    # ---- what always holds

    @invariant()
    def every_object_is_there_with_its_first_bytes(self):
        for project in PROJECTS:
            view = self.store.view([project])
            held = {number: sha256 for (owner, number), sha256 in self.kept.items() if owner == project}
            found = [
                instance.sha256
                for study in view.search_for_studies()
                for series in study.series
                for instance in series.instances
            ]
            assert sorted(found) == sorted(held.values())

    @invariant()
    def the_quarantine_holds_what_was_set_apart(self):
        found = {(entry.project, entry.sha256) for entry in self.store.quarantine(PROJECTS).entries()}
        assert found == self.apart

    @invariant()
    def files_and_rows_agree(self):
        audit = Audit()
        audit_agreement(self.folder, audit)
        assert (audit.acknowledged_lost, audit.orphan_rows, audit.orphan_files) == (0, 0, 0)


TestStoreBesideModel = StoreBesideModel.TestCase
TestStoreBesideModel.settings = settings(
    max_examples=8, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
