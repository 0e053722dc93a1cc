package bridge.test;

import jakarta.jms.BytesMessage;
import jakarta.jms.Destination;
import jakarta.jms.JMSException;
import jakarta.jms.MapMessage;
import jakarta.jms.Message;
import jakarta.jms.Session;
import jakarta.jms.StreamMessage;
import java.util.Base64;

/** Makes the message that the options describe. */
final class MessageFromArguments {
  private MessageFromArguments() {}

  /** The {@code number}th of a row: {@code {n}} in a text becomes that number. */
  static Message make(Session session, Arguments arguments, int number) throws JMSException {
    Message message = withBody(session, arguments, number);
    for (String property : arguments.all("property")) setProperty(message, property);
    if (arguments.optional("group").isPresent()) message.setStringProperty("JMSXGroupID", arguments.required("group"));
    if (arguments.optional("type").isPresent()) message.setJMSType(arguments.required("type"));
    if (arguments.optional("correlation-id").isPresent())
      message.setJMSCorrelationID(arguments.required("correlation-id"));
    if (arguments.optional("reply-to").isPresent())
      message.setJMSReplyTo(destination(session, arguments.required("reply-to")));
    return message;
  }

  private static Message withBody(Session session, Arguments arguments, int number) throws JMSException {
    String content = arguments.optional("content").orElse("").replace("{n}", Integer.toString(number));
    switch (arguments.required("body")) {
      case "text":
        return session.createTextMessage(content);
      case "null-text":
        return session.createTextMessage();
      case "bytes":
        BytesMessage bytes = session.createBytesMessage();
        bytes.writeBytes(Base64.getDecoder().decode(content));
        return bytes;
      case "map":
        MapMessage map = session.createMapMessage();
        map.setString("text", content);
        map.setInt("number", number);
        return map;
      case "stream":
        StreamMessage stream = session.createStreamMessage();
        stream.writeString(content);
        stream.writeInt(number);
        return stream;
      case "object":
        return session.createObjectMessage(content);
      case "none":
        return session.createMessage();
      default:
        throw new IllegalArgumentException("--body is text, null-text, bytes, map, stream, object or none");
    }
  }

  /** {@code name:type=value}, with a type of JMS in lower case. */
  private static void setProperty(Message message, String property) throws JMSException {
    int equals = property.indexOf('=');
    int colon = property.lastIndexOf(':', equals);
    if (colon < 1) throw new IllegalArgumentException("expected name:type=value: " + property);
    String name = property.substring(0, colon);
    String value = property.substring(equals + 1);
    switch (property.substring(colon + 1, equals)) {
      case "string" -> message.setStringProperty(name, value);
      case "boolean" -> message.setBooleanProperty(name, Boolean.parseBoolean(value));
      case "byte" -> message.setByteProperty(name, Byte.parseByte(value));
      case "short" -> message.setShortProperty(name, Short.parseShort(value));
      case "int" -> message.setIntProperty(name, Integer.parseInt(value));
      case "long" -> message.setLongProperty(name, Long.parseLong(value));
      case "float" -> message.setFloatProperty(name, Float.parseFloat(value));
      case "double" -> message.setDoubleProperty(name, Double.parseDouble(value));
      default -> throw new IllegalArgumentException("no such type of property: " + property);
    }
  }

  /** {@code queue:NAME} or {@code topic:NAME}. */
  private static Destination destination(Session session, String place) throws JMSException {
    int colon = place.indexOf(':');
    String name = place.substring(colon + 1);
    return switch (place.substring(0, Math.max(0, colon))) {
      case "queue" -> session.createQueue(name);
      case "topic" -> session.createTopic(name);
      default -> throw new IllegalArgumentException("expected queue:NAME or topic:NAME: " + place);
    };
  }
}
