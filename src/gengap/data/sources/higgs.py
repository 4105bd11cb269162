"""Facts about the HIGGS data set: columns, size, licence and mirrors.

P. Baldi, P. Sadowski, D. Whiteson, "Searching for exotic particles in high-energy physics with deep
learning", Nature Communications 5 (2014), arXiv 1402.4735; data set doi 10.24432/C5V312, CC BY 4.0.
"""

from __future__ import annotations

ROWS = 11_000_000
BYTES = 2_816_407_858  # of HIGGS.csv.gz
LICENCE = "CC BY 4.0 (Whiteson 2014, doi 10.24432/C5V312)"
# From a public loader; gengap's authors have not checked it against the whole file.
SHA256 = "ea302c18164d4e3d916a1e2e83a9a8d07069fa6ebc7771e4c0540d54e593b698"
MIRRORS: tuple[str, ...] = ("http://mlphysics.ics.uci.edu/data/higgs/HIGGS.csv.gz",)
PAGE = "https://archive.ics.uci.edu/dataset/280/higgs"  # offers a zip archive, to unpack by hand

COLUMNS: tuple[str, ...] = (
    "label",
    "lepton_pT",
    "lepton_eta",
    "lepton_phi",
    "missing_energy_magnitude",
    "missing_energy_phi",
    *(f"jet_{jet}_{what}" for jet in (1, 2, 3, 4) for what in ("pt", "eta", "phi", "b_tag")),
    *("m_jj", "m_jjj", "m_lv", "m_jlv", "m_bb", "m_wbb", "m_wwbb"),
)
