"""From a Matplotlib figure to the SVG of a page: style, regions of the plane, shortening."""
