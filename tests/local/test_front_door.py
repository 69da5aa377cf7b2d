"""The wait for the first answer through everything that a deploy has started."""

from __future__ import annotations

import pytest

from local.front_door import NotServedError, wait_until_it_serves
from local.session import LocalSession


def test_an_agent_that_ended_is_not_waited_for_and_its_last_words_are_shown(tmp_path):
    """Before, 90 s went by, and then the folder of the tasks' logs was named, which was empty."""
    session = LocalSession(folder=tmp_path, port=4570, endpoint=None)
    (tmp_path / "ecs_agent.log").write_text("Traceback\nValueError: 'run' should be a path\n")
    with pytest.raises(NotServedError, match="ECS agent has ended") as raised:
        wait_until_it_serves(session)
    assert "ValueError: 'run' should be a path" in str(raised.value)
