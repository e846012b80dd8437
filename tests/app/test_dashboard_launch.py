import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from policyscope_app import launch

from policyscope.errors import ReportError, UsageError
from policyscope.reports.report import write


def test_the_command_runs_the_page_on_this_machine_only(tmp_path, made, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(made(), Path("reports"), {})
    command = launch.command(Path("reports"), 8600)
    options, folder = command[: command.index("--")], command[command.index("--") + 1 :]
    page = Path(options[options.index("run") + 1])
    chosen = dict(zip(options[6::2], options[7::2], strict=True))
    assert options[:5] == [sys.executable, "-P", "-m", "streamlit", "run"]
    assert page.is_file() and page.name == "dashboard.py"
    assert chosen["--server.address"] == "127.0.0.1"
    assert chosen["--server.port"] == "8600"
    assert chosen["--server.headless"] == "true"
    assert chosen["--server.fileWatcherType"] == "none"
    assert chosen["--browser.gatherUsageStats"] == "false"
    assert folder == [str(tmp_path / "reports")]


def test_without_a_port_streamlit_takes_a_free_one(tmp_path, made):
    write(made(), tmp_path / "r", {})
    assert "--server.port" not in launch.command(tmp_path, None)


def test_nothing_is_started_without_a_report(tmp_path):
    with pytest.raises(ReportError, match="is not a report"):
        launch.command(tmp_path)
    with pytest.raises(ReportError, match="no folder"):
        launch.command(tmp_path / "missing")


def test_without_streamlit_the_extra_is_named(tmp_path, made, monkeypatch):
    write(made(), tmp_path / "r", {})
    monkeypatch.setattr(launch, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'policyscope\[dashboard\]'"):
        launch.command(tmp_path, None)


def test_asking_for_the_command_loads_nothing_heavy(tmp_path, made):
    write(made(), tmp_path / "r", {})
    script = (
        "import sys; from pathlib import Path; from policyscope_app.launch import command; "
        "command(Path(sys.argv[1]), None); "
        "heavy = {'streamlit', 'numpy', 'plotly', 'torch', 'pandas'} & set(sys.modules); "
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_command_starts_a_server_that_answers(tmp_path, made):
    write(made(), tmp_path / "r", {})
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = launch.command(tmp_path, port)
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL) as server:
        try:
            assert answer(f"http://127.0.0.1:{port}/_stcore/health", server) == "ok"
        finally:
            server.terminate()


def answer(url: str, server: subprocess.Popen[bytes]) -> str:
    for _ in range(300):
        try:
            with urlopen(url, timeout=5) as page:
                return page.read().decode()
        except URLError:
            assert server.poll() is None, "the server stopped"
            time.sleep(0.1)
    return "no answer"
