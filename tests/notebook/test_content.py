"""``%flyte`` about the notebook as a whole: its module, its check, its images, its secrets and its store."""

import subprocess
import sys

import pytest

RING = """
import keyring
from keyring.backend import KeyringBackend

class Ring(KeyringBackend):
    priority = 1
    values = {}
    def get_password(self, service, name): return self.values.get((service, name))
    def set_password(self, service, name, value): self.values[service, name] = value
    def delete_password(self, service, name): del self.values[service, name]

keyring.set_keyring(Ring())
"""
TASK = """
%%flyte_task --env shop
def double(x: int) -> int:
    return 2 * x
"""


def ok(done):
    assert done.status == "ok", done.traceback + done.stderr
    return done


def test_export_writes_what_was_executed(fresh_kernel):
    ok(fresh_kernel.run(TASK.strip(), cell="a"))
    ok(fresh_kernel.run("x = flyte.run(double, 1).outputs()[0]", cell="b"))
    ok(fresh_kernel.run("x = flyte.run(double, 21).outputs()[0]", cell="b"))
    ok(fresh_kernel.run("print(x)", cell="c"))
    told = ok(fresh_kernel.run("%flyte export shop.py", cell="d")).stdout
    module = fresh_kernel.folder / "shop.py"
    ran = subprocess.run(
        [sys.executable, str(module)],
        env=fresh_kernel.environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "shop.py is written, with double" in told
    assert "%flyte" not in module.read_text()
    assert "double, 1)" not in module.read_text()
    assert ran.stdout == "42\n", ran.stderr


def test_export_does_not_write_over_changes(fresh_kernel):
    ok(fresh_kernel.run(TASK.strip(), cell="a"))
    ok(fresh_kernel.run("%flyte export shop.py"))
    again = ok(fresh_kernel.run("%flyte export shop.py"))
    module = fresh_kernel.folder / "shop.py"
    module.write_text(module.read_text().replace("2 * x", "3 * x"))
    refused = fresh_kernel.run("%flyte export shop.py")
    forced = ok(fresh_kernel.run("%flyte export shop.py --force"))
    (fresh_kernel.folder / "other.py").write_text("x = 1\n")
    other = fresh_kernel.run("%flyte export other.py")

    assert "is written" in again.stdout
    assert "was changed since it was exported: double; --force writes over it" in refused.stderr
    assert "is written" in forced.stdout
    assert "was not exported from a notebook" in other.stderr
    assert (fresh_kernel.folder / "other.py").read_text() == "x = 1\n"


def test_lint_checks_what_was_executed(fresh_kernel):
    ok(fresh_kernel.run("from math import *", cell="a"))

    assert "FJ005" in ok(fresh_kernel.run("%flyte lint")).stdout


def test_lint_names_the_file_that_is_not_there(kernel):
    assert "nosuch.ipynb cannot be read" in kernel.run("%flyte lint nosuch.ipynb").stderr


def test_images_are_told_with_their_dockerfiles(kernel):
    ok(
        kernel.run(
            "image = flyte.Image.from_debian_base().with_pip_packages('polars')\n"
            "imaged = flyte.TaskEnvironment('imaged', image=image)\n"
            "@imaged.task\ndef one() -> int: return 1\n@imaged.task\ndef two() -> int: return 2"
        )
    )
    shown = ok(kernel.run("%flyte images ls")).displays[0]
    identifier = kernel.run("print(image.identifier, image.uri)").stdout.split()

    assert all(word in shown["text/plain"] for word in identifier)
    assert "imaged.one, imaged.two" in shown["text/plain"]
    assert "pip install" in shown["text/plain"]
    assert "FROM " in shown["text/html"]


def test_a_secret_is_asked_for_in_a_masked_field_and_stays_unseen(kernel):
    ok(kernel.run(RING))
    done, question = kernel.asked("%flyte secrets set api-key --group weather", "s3cret-value")
    names = kernel.run("[n for n, v in list(globals().items()) if 's3cret-' + 'value' in str(v)]")
    listed = ok(kernel.run("%flyte secrets ls")).stdout
    kept = kernel.run("keyring.get_password('flyte-jupyter', 'weather/api-key') == 's3cret-' + 'value'")

    assert question["password"] is True
    assert "s3cret" not in done.stdout + done.stderr
    assert names.value == "[]"
    assert listed == "weather/api-key\n"
    assert kept.value == "True"


@pytest.mark.parametrize("command", ["runs", "logs last", "show last", "why told"])
def test_all_sub_commands_read_the_store_that_the_kernel_is_connected_to(fresh_kernel, command):
    elsewhere = fresh_kernel.folder / "elsewhere"
    ok(
        fresh_kernel.run(
            f"flyte.init(store={str(elsewhere)!r})\nenv = flyte.TaskEnvironment('t', cache='auto')"
        )
    )
    ok(fresh_kernel.run("@env.task\ndef told(x: int) -> int:\n    print('here it is')\n    return x"))
    ok(fresh_kernel.run("flyte.run(told, 1)"))
    done = ok(fresh_kernel.run(f"%flyte {command}"))
    text = done.stdout + "".join(shown["text/plain"] for shown in done.displays)

    assert "told" in text or "here it is" in text


def test_demo_puts_the_quickstart_beside_the_notebook(kernel):
    done = kernel.run("%flyte demo")

    assert done.stdout.startswith("open flyte-quickstart/quickstart.ipynb")
    assert (kernel.folder / "flyte-quickstart" / "quickstart.ipynb").is_file()
