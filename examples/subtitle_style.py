"""Give subtitles a look of your own: change the style of the ASS file that f5-flows wrote.

    f5-flows speak "Hello there." --out hello
    python subtitle_style.py hello/*.ass mine.ass
    f5-flows burn video.mp4 --captions mine.ass --out captioned.mp4

The times, the breaks and the karaoke effects stay as they are.
"""

import sys
from pathlib import Path

import pysubs2


def main(source: Path, target: Path) -> None:
    subtitles = pysubs2.load(str(source))
    for style in subtitles.styles.values():
        style.fontname = "DejaVu Serif"
        style.fontsize *= 1.25
        # What has been spoken is primary, what is still to come is secondary.
        style.primarycolor = pysubs2.Color(255, 214, 0)
        style.secondarycolor = pysubs2.Color(255, 255, 255)
        style.outline, style.shadow = 3, 0
    subtitles.save(str(target))
    print(f"{target}: {len(subtitles)} lines in {len(subtitles.styles)} style")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
