# SPDX-License-Identifier: Apache-2.0
"""A bar chart as SVG."""
from xml.sax.saxutils import escape


def bars(path, title, rows):
    """Writes horizontal bars of (label, ratio), with a line at 1."""
    left, unit, step = 250, 160, 20
    height, width = 50 + step * len(rows), left + int(unit * max([1.5] + [r for _, r in rows])) + 60
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" '
           f'font-size="12">', f'<rect width="{width}" height="{height}" fill="#fff"/>',
           f'<text x="10" y="20" font-size="14">{escape(title)}</text>']
    for i, (label, ratio) in enumerate(rows):
        y = 36 + step * i
        color = "#2a7f62" if ratio >= 1 else "#b5533c"
        out.append(f'<text x="{left - 8}" y="{y + 12}" text-anchor="end">{escape(label)}</text>'
                   f'<rect x="{left}" y="{y}" width="{ratio * unit:.0f}" height="{step - 5}" fill="{color}"/>'
                   f'<text x="{left + ratio * unit + 6:.0f}" y="{y + 12}">{ratio:.2f}</text>')
    out.append(f'<line x1="{left + unit}" y1="30" x2="{left + unit}" y2="{height - 8}" stroke="#333" '
               'stroke-dasharray="4 3"/></svg>')
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(out) + "\n")
