"""Vectors as languages show them, as lists by name: of MATLAB and Octave, of R, of NumPy, or below their input.

valLoss =                     $val_loss                  val_losses: [0.91 0.85      In[4]:= r["ValidationLossList"]
  Columns 1 through 8          [1] 0.91 0.85              0.77]                      Out[4]= {0.91, 0.85, 0.77}
    0.91  0.85  ...            [9] 0.77
"""

from __future__ import annotations

import re

_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
_NUMBERS = rf"(?:{_NUMBER}|NaN|NA)(?:[ \t]+(?:{_NUMBER}|NaN|NA))*"
_GAP = r"[ \t]*\n(?:[ \t]*\n)?"
MATLAB = re.compile(
    rf"^[ \t]*(\w[\w.]*)[ \t]*={_GAP}((?:(?:[ \t]*Columns?[ \t]\d+(?:[ \t](?:through|to|and)[ \t]\d+)?:?{_GAP})?"
    rf"[ \t]*{_NUMBERS}(?:{_GAP}|[ \t]*\Z))+)",
    re.MULTILINE,
)
R = re.compile(
    rf"^(?:>[ \t]*)?(?:[\w.@$()]*\$)?([A-Za-z][\w.]*)[ \t]*\n((?:[ \t]*\[\d+\][ \t]+{_NUMBERS}[ \t]*(?:\n|\Z))+)",
    re.MULTILINE,
)
NUMPY = re.compile(
    rf"([A-Za-z_][\w /.-]{{0,60}}?)[ \t]*[:=][ \t]*\[[ \t]*({_NUMBER}(?:[ \t\n]+{_NUMBER}){{2,}})[ \t\n]*\]"
)
_PLACE = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*|\[{1,2}[\"'][\w ]+[\"']\]{1,2})*"  # a variable, or a part of it, by name
ECHO = re.compile(
    rf"^[ \t]*In ?\[\d+\]:=?[ \t]*({_PLACE})[ \t]*\n\s{{0,9}}Out ?\[\d+\](?:=|:)\s{{0,9}}[{{[]([^\[\]{{}}]+)[}}\]]",
    re.MULTILINE,
)
WORDS = re.compile(r"\w[\w ]*")
COLUMNS = re.compile(r"Columns?[^\n]*")
INDEX = re.compile(r"^[ \t]*\[\d+\]", re.MULTILINE)


def vectors_as_lists(text: str) -> str:
    r"""Return a text whose vectors are lists.

    >>> vectors_as_lists("$val_loss\n [1] 0.9 0.8\n [3] 0.7\n").strip()
    'val_loss = [0.9, 0.8, 0.7]'
    """
    if "=" in text:
        text = MATLAB.sub(lambda found: _list(found[1], COLUMNS.sub(" ", found[2])), text)
    if "[1]" in text:
        text = R.sub(lambda found: _list(found[1], INDEX.sub(" ", found[2])), text)
    if "Out" in text:
        text = ECHO.sub(_echo, text)
    return NUMPY.sub(lambda found: _list(found[1], found[2]), text) if "[" in text else text


def _echo(found: re.Match[str]) -> str:
    """Return the list below an input, with the last name of the input."""
    name = WORDS.findall(found[1])[-1].removesuffix("List")
    return f"{name} = [{found[2].replace('*^', 'e')}]\n"


def _list(name: str, numbers: str) -> str:
    cells = ("nan" if cell.startswith("N") else cell for cell in numbers.split())
    return f"{name} = [{', '.join(cells)}]\n"
