"""The few pages that people see who are asked for a decision: no script, nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from html import escape

from starlette.responses import HTMLResponse

_STYLE = """
body { margin: 0; background: #f3f4f6; color: #111827; font: 16px/1.5 system-ui, sans-serif }
main { max-width: 30rem; margin: 12vh auto 0; padding: 2rem; background: #fff;
       border: 1px solid #e5e7eb; border-radius: 12px }
h1 { margin: 0 0 .25rem; font-size: 1.35rem }
p { margin: .5rem 0; white-space: pre-wrap; overflow-wrap: anywhere }
.where { color: #6b7280; font-size: .875rem }
label { display: block; margin-top: 1rem; font-size: .875rem; color: #374151 }
input, textarea { box-sizing: border-box; width: 100%; margin-top: .25rem; padding: .5rem .625rem;
                  font: inherit; border: 1px solid #d1d5db; border-radius: 8px }
button { margin-top: 1.25rem; width: 100%; padding: .75rem; font: inherit; font-weight: 600;
         color: #fff; border: 0; border-radius: 8px; cursor: pointer }
.approve { background: #15803d } .reject { background: #b91c1c }
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_HASH}'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}


def question(answer: str, workflow: str, path: str, message: str | None) -> HTMLResponse:
    """The page with the button that approves or rejects."""
    verb = answer.capitalize()
    told = f"<p>{escape(message)}</p>" if message else ""
    return _page(
        f"{verb}?",
        f"""{told}<p class="where">{escape(workflow)} · {escape(path)}</p>
<form method="post">
<label>Your name<input name="by" maxlength="200" autocomplete="name"></label>
<label>Comment<textarea name="comment" rows="3" maxlength="2000"></textarea></label>
<button class="{answer}">{verb}</button>
</form>""",
    )


def said(title: str, text: str, status: int) -> HTMLResponse:
    """A page that only tells something."""
    return _page(title, f"<p>{escape(text)}</p>", status)


def _page(title: str, content: str, status: int = 200) -> HTMLResponse:
    html = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>
<body><main><h1>{escape(title)}</h1>
{content}
</main></body></html>
"""
    return HTMLResponse(html, status, _HEADERS)
