// The engine of Redpanda Connect with the components that the benchmark needs.
package main

import (
	"context"

	_ "github.com/benthosdev/benthos/v4/public/components/amqp1"
	_ "github.com/benthosdev/benthos/v4/public/components/io"
	_ "github.com/benthosdev/benthos/v4/public/components/mqtt"
	_ "github.com/benthosdev/benthos/v4/public/components/prometheus"
	_ "github.com/benthosdev/benthos/v4/public/components/pure"
	"github.com/benthosdev/benthos/v4/public/service"
)

func main() {
	if err := registerDurableOutput(); err != nil {
		panic(err)
	}
	service.RunCLI(context.Background())
}
