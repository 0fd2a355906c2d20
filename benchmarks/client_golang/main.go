// A page of 100,000 gauges (300 families, 50 targets) by client_golang: prints the CPU seconds of one scrape as JSON.
package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
)

const (
	families = 300
	targets  = 50
	each     = 100_000 / targets
	rounds   = 3
)

func cpu() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return seconds(usage.Utime) + seconds(usage.Stime)
}

func scrape(registry *prometheus.Registry) {
	gathered, err := registry.Gather()
	if err != nil {
		panic(err)
	}
	var page bytes.Buffer
	compressed := gzip.NewWriter(&page)
	encoder := expfmt.NewEncoder(compressed, expfmt.NewFormat(expfmt.TypeTextPlain))
	for _, family := range gathered {
		if err := encoder.Encode(family); err != nil {
			panic(err)
		}
	}
	if err := compressed.Close(); err != nil {
		panic(err)
	}
}

func main() {
	registry := prometheus.NewRegistry()
	gauges := make([]*prometheus.GaugeVec, families)
	for f := range gauges {
		name := fmt.Sprintf("bench_family_%03d", f)
		options := prometheus.GaugeOpts{Name: name, Help: "A value that changes at every read (made up)."}
		gauges[f] = prometheus.NewGaugeVec(options, []string{"cluster", "environment", "region", "instance", "item"})
		registry.MustRegister(gauges[f])
	}
	least := 1e9
	for range rounds {
		for f, gauge := range gauges {
			count := each / families
			if f < each%families {
				count++
			}
			for t := range targets {
				for i := range count {
					labels := []string{"prod", "production", "eu", fmt.Sprintf("10.0.0.%d:9000", t), fmt.Sprintf("item-%d-0", i)}
					gauge.WithLabelValues(labels...).Set(rand.Float64() * 1e6)
				}
			}
		}
		began := cpu()
		scrape(registry)
		least = min(least, cpu()-began)
	}
	fmt.Printf("{\"client_golang\": %f}\n", least)
}
