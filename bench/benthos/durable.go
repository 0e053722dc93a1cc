package main

import (
	"context"
	"sync"

	"github.com/Azure/go-amqp"
	"github.com/benthosdev/benthos/v4/public/service"
)

// As many as Benthos' own AMQP 1.0 output has in flight when nothing is said.
const maxInFlight = 64

// The AMQP 1.0 output of Benthos sends messages that a broker may keep in memory only, and has no setting for that. This one
// does the same with the header's durable field set.
type durableOutput struct {
	url, user, password, address string

	mutex      sync.Mutex
	connection *amqp.Conn
	sender     *amqp.Sender
}

func registerDurableOutput() error {
	spec := service.NewConfigSpec().Fields(
		service.NewStringField("url"),
		service.NewStringField("user"),
		service.NewStringField("password"),
		service.NewStringField("target_address"),
	)
	return service.RegisterOutput("amqp_1_durable", spec,
		func(config *service.ParsedConfig, _ *service.Resources) (service.Output, int, error) {
			output := &durableOutput{}
			for name, field := range map[string]*string{
				"url": &output.url, "user": &output.user, "password": &output.password, "target_address": &output.address,
			} {
				value, err := config.FieldString(name)
				if err != nil {
					return nil, 0, err
				}
				*field = value
			}
			return output, maxInFlight, nil
		})
}

func (output *durableOutput) Connect(ctx context.Context) error {
	connection, err := amqp.Dial(ctx, output.url, &amqp.ConnOptions{SASLType: amqp.SASLTypePlain(output.user, output.password)})
	if err != nil {
		return err
	}
	session, err := connection.NewSession(ctx, nil)
	if err != nil {
		return err
	}
	sender, err := session.NewSender(ctx, output.address, nil)
	if err != nil {
		return err
	}
	output.mutex.Lock()
	defer output.mutex.Unlock()
	output.connection, output.sender = connection, sender
	return nil
}

func (output *durableOutput) Write(ctx context.Context, message *service.Message) error {
	output.mutex.Lock()
	sender := output.sender
	output.mutex.Unlock()
	if sender == nil {
		return service.ErrNotConnected
	}
	body, err := message.AsBytes()
	if err != nil {
		return err
	}
	sent := amqp.NewMessage(body)
	sent.Header = &amqp.MessageHeader{Durable: true}
	return sender.Send(ctx, sent, nil)
}

func (output *durableOutput) Close(context.Context) error {
	output.mutex.Lock()
	defer output.mutex.Unlock()
	if output.connection == nil {
		return nil
	}
	return output.connection.Close()
}
