"""Standard output without what libraries print."""

import sys
import threading

from speech.quiet import quiet
from tests import PATIENCE


def test_what_a_quiet_thread_prints_is_dropped_and_what_others_print_is_not(capsys):
    with quiet():
        print("vocabulary: 2545")
        other = threading.Thread(target=print, args=("the reply",))
        other.start()
        other.join(PATIENCE)
    print("done")
    assert capsys.readouterr().out == "the reply\ndone\n"


def test_threads_that_are_quiet_at_once_leave_standard_output_as_it_was(capsys):
    before = sys.stdout
    inside, leave = threading.Event(), threading.Event()

    def first():
        with quiet():
            inside.set()
            leave.wait(PATIENCE)

    thread = threading.Thread(target=first)
    thread.start()
    inside.wait(PATIENCE)
    # The one that came first is also the first to leave.
    with quiet():
        leave.set()
        thread.join(PATIENCE)
        print("dropped")
    print("the reply")
    assert sys.stdout is before
    assert capsys.readouterr().out == "the reply\n"


def test_an_error_gives_it_back(capsys):
    try:
        with quiet(), quiet():
            raise ValueError
    except ValueError:
        print("the reply")
    assert capsys.readouterr().out == "the reply\n"
