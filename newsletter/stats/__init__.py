"""What became of the issues and of the list, in figures. Counts in, figures and findings out.

    growth      one address's log -> who came and who went; the size of the list, day by day
    issues      deliveries and reports -> the figures of an issue, its shares, what is unusual
    figures     which charts show that, and what each of them says
    chart       numbers -> SVG
    page        charts -> one HTML file; markup makes its elements
    glyphs      numbers -> bars and sparklines of a terminal

What was not measured is None here and "not reported" to people, never 0. The store does the
counting (`store/stats`, `store/history`).
"""
