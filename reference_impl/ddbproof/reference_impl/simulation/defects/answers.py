"""Planted defects of what a leader answers its clients, and when."""

from __future__ import annotations

from collections.abc import Callable

from ddbproof.model.kernel import lease
from ddbproof.reference_impl.replication import messages
from ddbproof.reference_impl.replication.leading import Answer, Leading
from ddbproof.reference_impl.replication.state import GroupState
from ddbproof.reference_impl.simulation.defects.base import Step, defect
from ddbproof.reference_impl.storage.items import Image


def _may_answer(self: Leading) -> bool:
    now = self.replica.environment.now_milliseconds()
    return lease.may_serve(self.lease, now) and self.state.affairs.serves


def _item(self: Leading, key: bytes) -> bytes | None:
    image = self.state.fold.items.get(key)
    return None if image is None else image.item


@defect(Leading, "when_committed")
def answered_when_appended(_right: Step) -> Step:
    """A leader answers when it has appended, and waits for no disk at all."""

    def when_committed(self: Leading, length: int, then: Callable[[bool], None]) -> None:
        del self, length
        then(True)

    return when_committed


@defect(Leading, "serve")
def strong_read_of_uncommitted(right: Step) -> Step:
    """A strong read is answered at once with the newest item, committed or not."""

    def serve(self: Leading, request: messages.Request, answer: Answer) -> None:
        operation = request.operation
        if operation.kind == "read" and operation.strong and _may_answer(self):
            answer(self._reply(request, "ok", _item(self, operation.key)))
        else:
            right(self, request, answer)

    return serve


@defect(Leading, "serve")
def new_leader_reads_early(right: Step) -> Step:
    """A new leader answers strong reads of what it took over before that is committed in its epoch."""

    def serve(self: Leading, request: messages.Request, answer: Answer) -> None:
        operation, leader = request.operation, self.leader
        taken_over = self._newest.get(operation.key, 0) <= leader.base
        early = taken_over and leader.committed < leader.base
        if early and operation.kind == "read" and operation.strong and _may_answer(self):
            answer(self._reply(request, "ok", _item(self, operation.key)))
        else:
            right(self, request, answer)

    return serve


@defect(GroupState, "committed_image")
def eventual_read_of_uncommitted(_right: Step) -> Step:
    """A leader answers an eventual read with the newest item, committed or not."""

    def committed_image(self: GroupState, key: bytes) -> Image | None:
        return self.fold.items.get(key)

    return committed_image


@defect(Leading, "serve")
def failed_condition_of_uncommitted(right: Step) -> Step:
    """A condition that fails is answered at once, though the item it shows may yet be lost."""

    def serve(self: Leading, request: messages.Request, answer: Answer) -> None:
        operation = request.operation
        new = request.request not in self.state.answered
        if operation.kind == "cas" and new and _may_answer(self):
            item = _item(self, operation.key)
            if item != operation.expected:
                answer(self._reply(request, "failed", item))
                return
        right(self, request, answer)

    return serve


@defect(Leading, "serve")
def condition_on_committed(right: Step) -> Step:
    """A condition is evaluated on the committed item, not on the newest that was appended."""

    def serve(self: Leading, request: messages.Request, answer: Answer) -> None:
        operation = request.operation
        image = self.state.committed_image(operation.key)
        item = None if image is None else image.item
        new = request.request not in self.state.answered
        if operation.kind == "cas" and new and item == operation.expected and _may_answer(self):
            self._change(request, answer, item, operation.item)
        else:
            right(self, request, answer)

    return serve


@defect(Leading, "serve")
def closed_partition_read(right: Step) -> Step:
    """A partition that was split answers the strong reads of a router whose map is old."""

    def serve(self: Leading, request: messages.Request, answer: Answer) -> None:
        parent, operation = self.state.affairs.parent, request.operation
        now = self.replica.environment.now_milliseconds()
        closed = parent is not None and parent.closed
        if closed and operation.kind == "read" and lease.may_serve(self.lease, now):
            answer(self._reply(request, "ok", _item(self, operation.key)))
        else:
            right(self, request, answer)

    return serve
