/// Two squares whose areas are the sizes before and after: the ratio as the eye sees it.
struct ScaleDrawing {
    let before: Int
    let after: Int

    var svg: Markup {
        let side = 148.0
        let inner = side * (Double(max(after, 0)) / Double(max(before, 1))).squareRoot()
        return Markup(
            "svg",
            [
                "class": "scale", "viewBox": "0 0 150 172", "role": "img",
                "aria-label": "Areas of the sizes before and after",
            ],
            [
                .rect("whole", x: 1, y: 1, width: side, height: side, radius: 4),
                .rect(
                    "bar last", x: 1, y: 1 + max(side - inner, 0), width: inner, height: inner,
                    radius: 2),
                .label("areas to scale", "axis", x: 1, y: 168),
            ])
    }
}
