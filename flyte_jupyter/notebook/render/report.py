"""A task's report: any HTML, shut into a frame that runs scripts but reaches neither page nor network."""

from flyte_jupyter.notebook.render.html import Html, join, note, tag
from flyte_jupyter.notebook.render.text import clean, size

LIMIT = 2_000_000
"""A report of more bytes is not carried in the output; the store keeps it."""

POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; font-src data:"
)

# White ground, since reports are written for it; a report may say otherwise: `:where` yields to any rule.
_HEAD = (
    '<!doctype html><meta charset="utf-8">'
    f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    "<style>:where(html){background:#fff;color:#1b1f24;font:14px/1.5 system-ui,sans-serif}"
    ":where(body){margin:12px}:where(img){max-width:100%}</style>"
    "<script>(()=>{let last=0;const tell=()=>{const d=document,h=Math.ceil(Math.max("
    "d.documentElement.getBoundingClientRect().height,d.body?d.body.scrollHeight:0));"
    "if(h!==last){last=h;parent.postMessage({flyteReportHeight:h},'*')}};"
    "addEventListener('message',e=>{if(e.data==='flyteReportHeight?'){last=0;tell()}});"
    "addEventListener('load',()=>{tell();new ResizeObserver(tell).observe(document.documentElement)})})()"
    "</script>"
)

# Runs in trusted outputs only: gives the frame beside it the height that its page asks for, within bounds.
# The page may have loaded, and told its height, before this runs: so it is asked once more. And it adds a
# button that opens the report in a tab: a blank one with nothing but the same sandbox in it, that knows not
# the page that opened it. No plain link could do so: browsers open no `data:` address in a tab, a `blob:` one
# would have the origin of the notebook's page, and the sandbox may not open windows by itself, as their
# addresses could carry data out. So a notebook that is not trusted, where no script runs, has no button.
_BESIDE = (
    "(()=>{const f=document.currentScript&&document.currentScript.previousElementSibling;if(!f)return;"
    "const on=e=>{if(!f.isConnected){removeEventListener('message',on);return}"
    "if(e.source!==f.contentWindow)return;const h=Number(e.data&&e.data.flyteReportHeight);"
    "if(h>0)f.style.height=Math.min(Math.max(h,60),4000)+'px'};addEventListener('message',on);"
    "f.contentWindow&&f.contentWindow.postMessage('flyteReportHeight?','*');"
    "const b=document.createElement('button');b.type='button';b.textContent='Open in a tab';b.style.cssText="
    "'font:inherit;font-size:12px;color:#fff;background:#57606a;border:0;border-radius:4px;padding:3px 10px;"
    "margin:2px 0 4px;cursor:pointer;display:block';"
    "b.onclick=()=>{const w=open('','_blank');if(!w){b.textContent='No tab can be opened from here';"
    "b.disabled=true;return}w.opener=null;const d=w.document;d.open();d.write('<!doctype html><html lang=en>"
    "<title></title><body style=margin:0>');d.close();d.title=f.title;const c=d.createElement('iframe');"
    "c.setAttribute('sandbox','allow-scripts');c.title=f.title;c.srcdoc=f.srcdoc;"
    "c.style.cssText='border:0;display:block;width:100%;height:100vh';d.body.append(c)};f.before(b)})()"
)


def report_page(html: str) -> str:
    """Write a report as a page of its own, which still has to be shown in a sandbox."""
    return _HEAD + clean(html)


def report_frame(html: str, *, height: int = 420, title: str = "Report") -> Html:
    """Show a report in its sandbox.

    A page that takes frames out (a notebook that is not trusted) leaves the frame's own text in: a line that
    says why no report is to be seen.
    """
    html = clean(html)
    if (found := len(html.encode())) > LIMIT:
        return note(
            f"The report has {size(found)}, more than an output should carry; it is kept in the run store."
        )
    frame = tag(
        "iframe",
        "The report is shown once the notebook is trusted.",
        sandbox="allow-scripts",
        srcdoc=_HEAD + html,
        title=title,
        height=height,
        style=f"width:100%;height:{height}px;border:1px solid rgba(128,128,128,.35);border-radius:4px",
    )
    return join([frame, Html(f"<script>{_BESIDE}</script>")])
