"""Reading a read-along EPUB as a player does, with nothing but the standard library."""

import posixpath
import zipfile
from urllib.parse import unquote, urldefrag
from xml.etree import ElementTree

OPF = "{http://www.idpf.org/2007/opf}"
SMIL = "{http://www.w3.org/ns/SMIL}"


def package(archive):
    """Return the name of the package document, and its root."""
    container = ElementTree.fromstring(archive.read("META-INF/container.xml"))
    name = container.find(".//{*}rootfile").get("full-path")
    return name, ElementTree.fromstring(archive.read(name))


def place(base, href):
    path, fragment = urldefrag(href)
    return posixpath.normpath(posixpath.join(posixpath.dirname(base), unquote(path))), fragment


def clips(path):
    """Return what is heard in order of the spine: the text of each clip, its audio file, begin and end in seconds."""
    with zipfile.ZipFile(path) as archive:
        name, root = package(archive)
        items = {item.get("id"): item for item in root.iter(f"{OPF}item")}
        found = []
        for itemref in root.iter(f"{OPF}itemref"):
            item = items[itemref.get("idref")]
            if not item.get("media-overlay"):
                continue
            overlay, _ = place(name, items[item.get("media-overlay")].get("href"))
            for par in ElementTree.fromstring(archive.read(overlay)).iter(f"{SMIL}par"):
                document, own = place(overlay, par.find(f"{SMIL}text").get("src"))
                page = ElementTree.fromstring(archive.read(document))
                (element,) = [each for each in page.iter() if each.get("id") == own]
                audio = par.find(f"{SMIL}audio")
                source, _ = place(overlay, audio.get("src"))
                spans = (seconds(audio.get("clipBegin")), seconds(audio.get("clipEnd")))
                found.append(("".join(element.itertext()), source, *spans))
        return found


def seconds(clock):
    hours, minutes, rest = clock.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)
