#!/usr/bin/env python3
"""Draws where processor time goes: `perf script --no-inline` on standard input, an SVG on standard output.

Each box is a function, as wide as its share of the samples and those it calls below it; what a box has that
nothing below it has is its own. Orange is Hansa, grey the system, yellow libraries.
"""

import html
import re
import sys

WIDTH, ROW, LEAST = 1200, 16, 0.006
# Deeper in the system nobody looks.
SYSTEM_DEPTH = 7
# How every thread begins: says nothing.
BEGINNINGS = re.compile(
    r"^(start_thread|__clone3?|clone3|_start|main|__libc_start.*|\[unknown\]"
    r"|std::|core::ops::function|<std::sys|tokio::runtime::(blocking|task|scheduler|park)|.*TrackedFuture.*)"
)
OURS = ("hansa_", "feed_service", "registry_service", "<hansa_", "<feed_service", "<registry_service")


def stacks(lines):
    """The stacks of a profile, outermost function first."""
    thread, frames = None, []
    for line in lines:
        if not line.strip():
            if thread and frames:
                yield [thread, *named(frames[::-1])]
            thread, frames = None, []
        elif not line[0].isspace():
            thread = re.split(r"\s+\d+(/\d+)?\s", line)[0]
        else:
            frames.append(line)
    if thread and frames:
        yield [thread, *named(frames[::-1])]


def named(frames):
    """Names of functions, each with whether it is the system's, without how threads begin."""
    for frame in frames:
        name = re.sub(r"^\s*[0-9a-f]+ |\+0x[0-9a-f]+ .*$| \([^()]*\)$", "", frame.rstrip("\n"))
        name = re.sub(r"::\{\{closure\}\}|::h[0-9a-f]{16}$", "", name)
        if not BEGINNINGS.match(name):
            yield name + ("\0" if "[kernel" in frame else "")


def tree(found):
    """How many samples each function has below those that called it."""
    root = {}
    for stack in found:
        level, last, system = root, None, 0
        for name in stack:
            system += name.endswith("\0")
            if name != last and system <= SYSTEM_DEPTH:
                node = level.setdefault(name, [0, {}])
                node[0] += 1
                level, last = node[1], name
    return root


def boxes(level, total, left, depth):
    """Boxes of a level and of those below: what, left edge, depth, share."""
    for name, (count, below) in sorted(level.items()):
        share = count / total
        if share >= LEAST:
            yield name, left, depth, share
            yield from boxes(below, total, left, depth + 1)
        left += share


def short(name):
    """A name without modules, types' parameters and traits."""
    name = re.sub(r"^<+([^<>]*).* as .*?>::(\w+)$", r"\1::\2", name.rstrip("\0"))
    while name != (name := re.sub(r"<[^<>]*>", "", name)):
        pass
    return "::".join([part for part in name.split("::") if part][-2:])


def colour(name):
    if name.endswith("\0"):
        return "#c8ccd4"
    return "#f4a259" if name.startswith(OURS) else "#f6e27a"


def main():
    if len(sys.argv) != 2:
        sys.exit('usage: perf script --no-inline | draw.py "What it does" > picture.svg')
    title, found = sys.argv[1], list(stacks(sys.stdin))
    if not found:
        sys.exit("no samples on standard input")
    drawn = list(boxes(tree(found), len(found), 0.0, 0))
    height = ROW * (max(depth for _, _, depth, _ in drawn) + 3)
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"')
    print('font-family="monospace">')
    print(f'<text x="4" y="{ROW}" font-size="13">{html.escape(title)}: {len(found):,} samples</text>')
    for name, left, depth, share in drawn:
        x, y, width = left * WIDTH, ROW * (depth + 2), share * WIDTH
        label = short(name)[: int((width - 4) / 6.1)] if width > 24 else ""
        print(
            f"<g><title>{html.escape(name.rstrip(chr(0)))}: {share:.1%}</title>"
            f'<rect x="{x:.1f}" y="{y}" width="{max(width - 0.5, 0.5):.1f}" height="{ROW - 1}" fill="{colour(name)}"/>'
            f'<text x="{x + 2:.1f}" y="{y + 11}" font-size="10">{html.escape(label)}</text></g>'
        )
    print("</svg>")


main()
