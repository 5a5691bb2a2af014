"""Renders chat templates with the transformers of this Python: the judge of `bench templates`.

Reads one JSON object from standard input, {"now": milliseconds, "cases": [{"template": …, "input": {…}}, …]}, and writes
a list with {"text": …} or {"error": …} for each case. The input holds the arguments of apply_chat_template.
"""

import datetime
import json
import sys

from transformers.utils import chat_template_utils


def freeze(milliseconds):
    """Makes strftime_now say the same moment here as in the other engine."""
    moment = datetime.datetime.fromtimestamp(milliseconds / 1000)

    class Frozen(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return moment

    chat_template_utils.datetime = Frozen


def render(case):
    arguments = dict(case["input"])
    try:
        rendered, _ = chat_template_utils.render_jinja_template(
            conversations=[arguments.pop("messages")], chat_template=case["template"], **arguments
        )
        return {"text": rendered[0]}
    except RecursionError as error:
        return {"error": f"RecursionError: {error}"}
    except Exception as error:  # every way of saying no counts alike
        return {"error": f"{type(error).__name__}: {error}"}


def main():
    work = json.load(sys.stdin)
    freeze(work["now"])
    results = [render(case) for case in work["cases"]]
    # Half of a character can stand in a text of Python; as an escape it survives.
    json.dump(results, sys.stdout, ensure_ascii=True)


main()
