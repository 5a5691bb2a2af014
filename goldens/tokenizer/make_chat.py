"""Writes chat.json: conversations rendered with Jinja as the Python transformers set it up.

Run in this folder: pip install transformers jinja2 && python make_chat.py
"""

import json
from pathlib import Path

import transformers
from transformers.utils.chat_template_utils import render_jinja_template

templates = {
    "chatml": """{% for message in messages %}
{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] | trim + '<|im_end|>' + '\\n' }}
{% endfor %}
{% if add_generation_prompt %}
{{ '<|im_start|>assistant\\n' }}
{% endif %}""",
    "instruct": """{{ bos_token }}{%- if messages[0].role == 'system' -%}
{%- set system = '<<SYS>>' ~ messages[0].content ~ '<</SYS>> ' -%}{%- set rest = messages[1:] -%}
{%- else -%}{%- set system = '' -%}{%- set rest = messages -%}{%- endif -%}
{%- for message in rest -%}
{%- if (message.role == 'user') != (loop.index0 % 2 == 0) -%}
{{ raise_exception('roles must alternate user/assistant') }}
{%- endif -%}
{%- if message.role == 'user' -%}[INST] {{ (system if loop.first else '') + message.content }} [/INST]
{%- else -%}{{ ' ' ~ message.content ~ eos_token }}{%- endif -%}
{%- endfor -%}""",
    "tools": """{%- if tools is not none %}{% for tool in tools %}{{ tool | tojson }}
{% endfor %}{% endif %}
{%- set ns = namespace(count=0) %}
{%- for message in messages %}{% set ns.count = ns.count + 1 %}
{%- if message.tool_calls is defined %}{{ message.tool_calls[0].function.arguments | tojson(indent=2) }}
{%- elif message.content is string %}{{ message.content | upper }}
{%- else %}{% for part in message.content if part.type == 'text' %}{{ part.text }}{% endfor %}{% endif %}
{%- endfor %}#{{ ns.count }} {{ range(3) | join(',') }} {% if enable_thinking | default(true) %}think{% else %}answer{% endif %}""",
}
user = {"role": "user", "content": "  Hello, \u4e16\u754c \"quoted\" <b>\n"}
assistant = {"role": "assistant", "content": "Hi!"}
system = {"role": "system", "content": "Be brief."}
tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}
call = {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "weather", "arguments": {"city": "Z\u00fcrich", "days": 2}}}]}
parts = {"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "image"}, {"type": "text", "text": "two"}]}
variables = {"bos_token": "<s>", "eos_token": "</s>"}

cases = []
for name, messages, options in [
    ("chatml", [user], {}),
    ("chatml", [system, user, assistant, user], {"add_generation_prompt": True}),
    ("instruct", [user], {}),
    ("instruct", [system, user, assistant, user], {"add_generation_prompt": True}),
    ("tools", [user, parts], {}),
    ("tools", [user, call], {"tools": [tool]}),
    ("tools", [user], {"enable_thinking": False}),
]:
    rendered, _ = render_jinja_template([messages], chat_template=templates[name], **variables, **options)
    cases.append({"template": name, "messages": messages, "options": options, "rendered": rendered[0]})

out = {"source": f"transformers {transformers.__version__}", "templates": templates, "cases": cases}
(Path(__file__).parent / "chat.json").write_text(json.dumps(out, separators=(",", ":")) + "\n")
