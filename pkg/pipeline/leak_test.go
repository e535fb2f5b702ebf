package pipeline

import (
	"testing"

	"github.com/shiplog/shiplog/pkg/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }
