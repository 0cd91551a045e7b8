"""From a Matplotlib figure to what a page carries: style, regions of the plane, SVG."""
