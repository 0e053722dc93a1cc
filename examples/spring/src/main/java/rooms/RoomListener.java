package rooms;

import com.google.gson.JsonElement;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import jakarta.jms.JMSException;
import jakarta.jms.Message;
import jakarta.jms.TextMessage;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.springframework.jms.annotation.JmsListener;
import org.springframework.stereotype.Component;

/** Shows what people say in every room. */
@Component
public class RoomListener {
  private static final PrintStream OUT =
      new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);

  /** Not what Java programs announce. The broker looks at it, and sends us only what matches. */
  private static final String OTHERS = "sender IS NULL OR sender <> 'backend'";

  /** The bridge's rule has set the properties `room` and `sender`. It sends text, or bytes where a message is no text. */
  @JmsListener(destination = "rooms.*", subscription = "spring-rooms", selector = OTHERS)
  public void said(Message message) throws JMSException {
    String text = message instanceof TextMessage said ? textOf(said.getText()) : "(bytes)";
    String line = "[%s] %s: %s".formatted(message.getStringProperty("room"), message.getStringProperty("sender"), text);
    // Other people's text must not move the cursor of this terminal.
    OUT.println(line.replaceAll("\\p{Cntrl}", "\uFFFD"));
  }

  /** Of the JSON that chat clients send; anybody may send anything else, which is shown as it is. */
  private static String textOf(String message) {
    try {
      JsonElement json = JsonParser.parseString(message);
      JsonElement text = json.isJsonObject() ? json.getAsJsonObject().get("text") : null;
      if (text != null && text.isJsonPrimitive()) return text.getAsString();
    } catch (JsonParseException notAChatMessage) {
      // Shown as it is.
    }
    return message;
  }
}
