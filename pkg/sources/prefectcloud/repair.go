package prefectcloud

import (
	"context"
)

// repairs takes in what was put down for repair.
func (r *run) repairs(context.Context) error { return nil }
