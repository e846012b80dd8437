"""How the dashboard is started, kept apart so that the command line can ask without loading it."""

import sys
from importlib.util import find_spec
from pathlib import Path

from policyscope.errors import UsageError
from policyscope_app.folders import reports_in


def command(folder: Path, port: int | None = None) -> list[str]:
    """The whole command that serves the reports in a folder, to this machine only.

    Args:
        folder: One report, or a folder of reports.
        port: Where to listen; Streamlit takes the first free one from 8501 on if there is none.

    Raises:
        ReportError: If there is no report in the folder.
        UsageError: If Streamlit is not installed.
    """
    reports_in(folder)
    if find_spec("streamlit") is None:
        raise UsageError(
            "The dashboard needs Streamlit, which is not installed: "
            "pip install 'policyscope[dashboard]'."
        )
    options = {
        "server.address": "127.0.0.1",
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "minimal",
    }
    if port is not None:
        options["server.port"] = str(port)
    return [
        sys.executable,
        "-P",  # or a streamlit.py in the folder it is started from would be run
        *("-m", "streamlit", "run", str(Path(__file__).with_name("dashboard.py"))),
        *(word for name, value in options.items() for word in (f"--{name}", value)),
        *("--", str(folder.resolve())),
    ]
