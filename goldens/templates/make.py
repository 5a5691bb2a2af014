"""Writes expected.json: what the transformers of this Python make of the templates in cases.json.

    python goldens/templates/make.py        needs transformers and jinja2; made with 5.18 and 3.1.6

A case is {"template": …, "input": {…}}, the input being arguments of apply_chat_template; the result is a text, or null
where Python raises. It is 09:05:03 on 4 July 2025.
"""

import datetime
import json
import pathlib

from transformers.utils import chat_template_utils

HERE = pathlib.Path(__file__).parent


class Frozen(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime(2025, 7, 4, 9, 5, 3)


def render(case):
    arguments = dict(case["input"])
    try:
        rendered, _ = chat_template_utils.render_jinja_template(
            conversations=[arguments.pop("messages")], chat_template=case["template"], **arguments
        )
        return rendered[0]
    except Exception:
        return None


chat_template_utils.datetime = Frozen
cases = json.loads((HERE / "cases.json").read_text())
(HERE / "expected.json").write_text(json.dumps([render(case) for case in cases], indent=1) + "\n")
