package admin

import (
	"fmt"
	"math"
	"strings"
)

// A chart is drawn on a canvas of this size; the page stretches it.
const (
	chartWidth   = 240
	chartHeight  = 40
	chartBuckets = 120
)

// draw gives the points of a polyline, and the highest value. Of the samples
// that fall together the highest is drawn: a short peak must show.
func draw(values []float64) (points string, peak float64) {
	size := max(1, len(values)/chartBuckets)
	var heights []float64
	for i := 0; i < len(values); i += size {
		v := math.NaN()
		for _, x := range values[i:min(i+size, len(values))] {
			if math.IsNaN(v) || x > v {
				v = x
			}
		}
		heights = append(heights, v)
		if v > peak {
			peak = v
		}
	}
	scale := peak
	if scale <= 0 {
		scale = 1
	}
	var b strings.Builder
	step := float64(chartWidth) / float64(max(1, len(heights)-1))
	for i, v := range heights {
		if math.IsNaN(v) {
			continue
		}
		fmt.Fprintf(&b, "%.0f,%.1f ", float64(i)*step, float64(chartHeight)-1-(float64(chartHeight)-3)*v/scale)
	}
	return strings.TrimSpace(b.String()), peak
}
