package admin

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// A chart is drawn on a canvas of this size; the page stretches it.
const (
	chartWidth   = 240
	chartHeight  = 40
	chartBuckets = 120
)

// draw gives the points of a line and of the area below it, and the highest
// value. Of the samples that fall together the highest is drawn: a short peak
// must show.
func draw(values []float64) (line, area string, peak float64) {
	heights := highest(values, max(1, (len(values)+chartBuckets-1)/chartBuckets))
	for _, v := range heights {
		if v > peak {
			peak = v
		}
	}
	scale := peak
	if scale <= 0 {
		scale = 1
	}
	step := float64(chartWidth) / float64(max(1, len(heights)-1))
	var b strings.Builder
	first, last := -1.0, -1.0
	for i, v := range heights {
		if math.IsNaN(v) {
			continue
		}
		last = float64(i) * step
		if first < 0 {
			first = last
		}
		fmt.Fprintf(&b, "%.1f,%.1f ", last, float64(chartHeight)-1-(float64(chartHeight)-3)*v/scale)
	}
	if first < 0 {
		return "", "", 0
	}
	line = strings.TrimSpace(b.String())
	return line, fmt.Sprintf("%.1f,%d %s %.1f,%[2]d", first, chartHeight, line, last), peak
}

// highest takes the highest of each size values; NaN where none is known.
func highest(values []float64, size int) []float64 {
	heights := make([]float64, 0, len(values)/size+1)
	for part := range slices.Chunk(values, size) {
		top := math.NaN()
		for _, v := range part {
			if math.IsNaN(top) || v > top {
				top = v
			}
		}
		heights = append(heights, top)
	}
	return heights
}
