"""The follower against a control table in moto: what it obeys, and what it never does by itself."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

import pytest
from botocore.exceptions import EndpointConnectionError

from functions.control_table.acknowledgements import acknowledgements
from functions.control_table.mode import Mode, State, begin, enter_read_only, leave_read_only, read
from functions.mode_follower import __main__ as sidecar
from functions.mode_follower import flag_file
from functions.mode_follower.follower import (
    FIRST_READ_TIMEOUT,
    NO_MODE,
    RENEWAL,
    STALE,
    UNREAD,
    ModeFollower,
)
from local.waiting import wait_until

NOW = datetime(2026, 11, 25, 3, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Layer:
    """A layer that obeys into a list, in front of a table that may be unreachable."""

    def __init__(self, dynamodb) -> None:
        self.dynamodb = dynamodb
        self.reachable = True
        self.obeyed: list[State] = []
        self.acknowledged: list[tuple[int, datetime]] = []
        self.log: list[dict] = []
        self.follower = ModeFollower(
            read_mode=self.read,
            obey=self.obeyed.append,
            say_so=self.acknowledge,
            log=self.log.append,
        )

    def read(self) -> State | None:
        self.reach()
        return read(self.dynamodb, "control")

    def acknowledge(self, state: State, at: datetime) -> None:
        self.reach()
        self.acknowledged.append((state.epoch, at))

    def reach(self) -> None:
        if not self.reachable:
            raise EndpointConnectionError(endpoint_url="https://dynamodb")

    @property
    def modes(self) -> list[Mode]:
        return [state.mode for state in self.obeyed]


@pytest.fixture
def layer(dynamodb) -> Layer:
    begin(dynamodb, "control", by="bootstrap", at=NOW)
    return Layer(dynamodb)


def test_obeys_at_the_first_look_and_says_so(layer):
    layer.follower.look(NOW)
    assert (layer.modes, layer.acknowledged) == ([Mode.READ_WRITE], [(1, NOW)])


def test_a_flip_is_obeyed_at_the_next_look_and_acknowledged_after(layer):
    layer.follower.look(NOW)
    enter_read_only(layer.dynamodb, "control", reason="upgrade", by="run-1", at=NOW)
    layer.follower.look(NOW + SECOND)
    assert layer.modes == [Mode.READ_WRITE, Mode.READ_ONLY]
    assert layer.acknowledged == [(1, NOW), (2, NOW + SECOND)]


def test_the_same_mode_with_a_new_epoch_is_obeyed_and_acknowledged_anew(layer):
    enter_read_only(layer.dynamodb, "control", reason="upgrade", by="run-1", at=NOW)
    layer.follower.look(NOW)
    enter_read_only(layer.dynamodb, "control", reason="writer gone", by="alarm", at=NOW)
    layer.follower.look(NOW + SECOND)
    assert [epoch for epoch, _ in layer.acknowledged] == [2, 3]


def test_while_the_table_is_away_the_last_known_mode_holds(layer):
    enter_read_only(layer.dynamodb, "control", reason="upgrade", by="run-1", at=NOW)
    layer.follower.look(NOW)
    leave_read_only(layer.dynamodb, "control", epoch=2, reason="done", by="run-1", at=NOW)
    layer.reachable = False
    for seconds in range(1, 3_600, 2):
        layer.follower.look(NOW + seconds * SECOND)
    assert layer.modes == [Mode.READ_ONLY]
    layer.reachable = True
    layer.follower.look(NOW + 3_600 * SECOND)
    assert layer.modes == [Mode.READ_ONLY, Mode.READ_WRITE]


def test_what_is_obeyed_without_a_look_for_long_is_called_stale_once(layer):
    layer.follower.look(NOW)
    layer.reachable = False
    for seconds in range(1, 120):
        layer.follower.look(NOW + seconds * SECOND)
    stale = [entry for entry in layer.log if entry["event"] == "stale"]
    assert [entry["seconds"] for entry in stale] == [STALE.total_seconds()]
    assert layer.follower.age(NOW + 120 * SECOND) == 120 * SECOND


def test_a_new_task_asks_first_and_then_takes_no_writes(layer):
    layer.reachable = False
    layer.follower.look(NOW)
    layer.follower.look(NOW + FIRST_READ_TIMEOUT - SECOND)
    assert layer.obeyed == []
    layer.follower.look(NOW + FIRST_READ_TIMEOUT)
    assert layer.obeyed == [UNREAD]
    assert layer.acknowledged == []
    layer.reachable = True
    layer.follower.look(NOW + FIRST_READ_TIMEOUT + SECOND)
    assert layer.modes == [Mode.READ_ONLY, Mode.READ_WRITE]


def test_a_region_without_a_mode_takes_no_writes_and_acknowledges_nothing(dynamodb):
    layer = Layer(dynamodb)
    layer.follower.look(NOW)
    assert (layer.obeyed, layer.acknowledged) == ([NO_MODE], [])


def test_an_acknowledgement_is_renewed_before_it_expires(layer):
    layer.follower.look(NOW)
    layer.follower.look(NOW + RENEWAL - SECOND)
    layer.follower.look(NOW + RENEWAL)
    assert layer.acknowledged == [(1, NOW), (1, NOW + RENEWAL)]


def test_an_acknowledgement_that_failed_is_sent_at_the_next_look(layer):
    sent = layer.follower._say_so
    layer.follower._say_so = lambda *_: 1 / 0
    layer.follower.look(NOW)
    layer.follower._say_so = sent
    layer.follower.look(NOW + SECOND)
    assert (layer.modes, layer.acknowledged) == ([Mode.READ_WRITE], [(1, NOW + SECOND)])


def test_what_could_not_be_obeyed_is_not_acknowledged_and_tried_again(layer):
    obey = layer.follower._obey
    layer.follower._obey = lambda _: 1 / 0
    layer.follower.look(NOW)
    assert layer.acknowledged == []
    assert layer.log[-1]["event"] == "not obeyed"
    layer.follower._obey = obey
    layer.follower.look(NOW + SECOND)
    assert (layer.modes, layer.acknowledged) == ([Mode.READ_WRITE], [(1, NOW + SECOND)])


class TestFlagFile:
    READ_ONLY = State(mode=Mode.READ_ONLY, reason="r", epoch=2, by="b", at="t")
    READ_WRITE = State(mode=Mode.READ_WRITE, reason="r", epoch=3, by="b", at="t")

    def test_the_flag_is_there_while_the_mode_is_read_only(self, tmp_path):
        flag_file.write(tmp_path, self.READ_ONLY)
        flag_file.write(tmp_path, self.READ_ONLY)
        assert json.loads((tmp_path / "read-only").read_text())["epoch"] == 2
        flag_file.write(tmp_path, self.READ_WRITE)
        flag_file.write(tmp_path, self.READ_WRITE)
        assert [path.name for path in tmp_path.iterdir()] == ["mode"]

    def test_the_last_state_is_read_back(self, tmp_path):
        assert flag_file.last(tmp_path) is None
        flag_file.write(tmp_path, self.READ_ONLY)
        assert flag_file.last(tmp_path) == self.READ_ONLY

    def test_a_write_that_fails_leaves_the_old_flag_and_no_rubbish(self, tmp_path, monkeypatch):
        flag_file.write(tmp_path, self.READ_ONLY)
        monkeypatch.setattr(flag_file.json, "dump", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            flag_file.write(tmp_path, State(**{**vars(self.READ_ONLY), "epoch": 9}))
        assert sorted(path.name for path in tmp_path.iterdir()) == ["mode", "read-only"]
        assert json.loads((tmp_path / "read-only").read_text())["epoch"] == 2


class TestSidecar:
    @pytest.fixture
    def variables(self, monkeypatch, tmp_path):
        logged = {
            "CONTROL_TABLE": "control",
            "RUN": str(tmp_path),
            "LAYER": "edge",
            "TASK_ID": "one",
        }
        for name, value in logged.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("ECS_CONTAINER_METADATA_URI_V4", raising=False)
        return monkeypatch

    @pytest.mark.parametrize("name", ["CONTROL_TABLE", "RUN", "LAYER"])
    def test_fails_on_a_missing_variable(self, variables, dynamodb, name):
        variables.delenv(name)
        with pytest.raises(KeyError, match=name):
            sidecar.main(Event(), dynamodb)

    def test_fails_where_nobody_says_which_task_it_is(self, variables, dynamodb):
        variables.delenv("TASK_ID")
        with pytest.raises(ValueError, match="'TASK_ID' should be set"):
            sidecar.main(Event(), dynamodb)

    def test_a_restarted_sidecar_goes_on_from_the_mode_that_was_known(
        self, variables, dynamodb, tmp_path
    ):
        """Otherwise ten seconds without DynamoDB would turn a serving task read-only."""
        known = State(mode=Mode.READ_WRITE, reason="r", epoch=7, by="b", at="t")
        flag_file.write(tmp_path, known)
        stopping = Event()
        looks: list[State | None] = []

        def seen(follower, *_, **__):
            looks.append(follower.state)

        variables.setattr(sidecar, "follow", seen)
        sidecar.main(stopping, dynamodb)
        assert looks == [known]

    def test_follows_until_it_is_told_to_stop(self, variables, dynamodb, tmp_path):
        begin(dynamodb, "control", by="bootstrap", at=NOW)
        variables.setattr(sidecar, "POLL", timedelta(seconds=0.02))
        stopping = Event()
        running = Thread(target=sidecar.main, args=(stopping, dynamodb))
        running.start()
        try:
            wait_until(lambda: (tmp_path / "mode").exists(), "the file of the mode")
            enter_read_only(dynamodb, "control", reason="upgrade", by="run-1", at=NOW)
            wait_until(lambda: (tmp_path / "read-only").exists(), "the flag")
            now = datetime.now(UTC)
            wait_until(
                lambda: (
                    [
                        (found.task_id, found.epoch)
                        for found in acknowledgements(dynamodb, "control", layer="edge", now=now)
                    ]
                    == [("one", 2)]
                ),
                "the acknowledgement of the second epoch",
            )
        finally:
            stopping.set()
            running.join(10)
        assert not running.is_alive()
