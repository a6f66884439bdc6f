/// The look of a report's page; colours follow the reader's system.
enum PageStyle {
    static let css = """
        :root {
          color-scheme: light dark;
          --page: #f7f6f3; --card: #ffffff; --ink: #1d1d20; --soft: #6a6b73; --rule: #e3e1db;
          --bar: #b9c7ea; --last: #2b50c8; --dot: #c2570c; --kept: #0f8a7e; --track: #ecebe6;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --page: #121317; --card: #1a1c22; --ink: #ececf0; --soft: #9b9daa; --rule: #2e313a;
            --bar: #3a4a7c; --last: #86a5ff; --dot: #ff9d55; --kept: #3ecfbd; --track: #2a2d36;
          }
        }
        * { box-sizing: border-box; }
        body {
          margin: 0; background: var(--page); color: var(--ink);
          font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif;
        }
        main { max-width: 1140px; margin: 0 auto; padding: 48px 24px 64px; }
        header { display: flex; gap: 40px; align-items: flex-end; justify-content: space-between; }
        h1 { font-size: 36px; line-height: 1.15; letter-spacing: -0.02em; margin: 0 0 8px;
          overflow-wrap: anywhere; }
        h2 { font-size: 19px; margin: 0 0 4px; }
        p { margin: 0; color: var(--soft); max-width: 90ch; }
        .scale { width: 150px; flex: none; }
        .facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(210px, 1fr));
          gap: 1px; margin: 32px 0; background: var(--rule); border: 1px solid var(--rule);
          border-radius: 12px; overflow: hidden; }
        .fact { background: var(--card); padding: 18px 20px; }
        .fact strong { display: block; font-size: 28px; line-height: 1.2; font-weight: 650;
          letter-spacing: -0.01em; }
        .fact span { font-size: 14px; color: var(--soft); }
        section { background: var(--card); border: 1px solid var(--rule); border-radius: 12px;
          padding: 22px 24px; margin: 0 0 24px; }
        .wide { overflow-x: auto; margin-top: 14px; }
        .wide svg { display: block; width: 100%; min-width: 720px; }
        table { border-collapse: collapse; width: 100%; font-size: 13.5px; margin-top: 8px; }
        th { font-weight: 600; color: var(--soft); text-align: left; }
        th, td { padding: 7px 7px; border-bottom: 1px solid var(--rule); white-space: nowrap; }
        th:first-child, td:first-child { padding-left: 0; }
        th:last-child, td:last-child { padding-right: 0; }
        tbody tr:last-child td { border-bottom: 0; }
        tfoot td { font-weight: 650; border-top: 2px solid var(--rule); border-bottom: 0; }
        .number { text-align: right; font-variant-numeric: tabular-nums; }
        text { font-size: 14px; fill: var(--ink); font-variant-numeric: tabular-nums;
          white-space: pre; paint-order: stroke; stroke: var(--card); stroke-width: 4px;
          stroke-linejoin: round; }
        .axis { font-size: 12px; fill: var(--soft); }
        .strong { font-weight: 650; }
        .grid { stroke: var(--rule); stroke-width: 1; }
        .bar { fill: var(--bar); }
        .last { fill: var(--last); }
        .mark { stroke: var(--dot); stroke-width: 2; }
        .scale text { stroke: none; }
        .whole { fill: var(--track); stroke: var(--rule); }
        .track { fill: var(--track); }
        .kept { fill: var(--kept); }
        .dot { fill: var(--dot); }
        .ring { fill: var(--card); stroke: var(--dot); stroke-width: 1.6; }
        .path { fill: none; stroke: var(--dot); stroke-width: 1.4; stroke-opacity: 0.45; }
        @media (max-width: 640px) { .scale { display: none; } main { padding-top: 28px; } }
        """
}
