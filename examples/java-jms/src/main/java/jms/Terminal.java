package jms;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;

/** Lines for the people at this terminal. */
final class Terminal {
  static final Charset CHARSET = System.console() == null ? StandardCharsets.UTF_8 : System.console().charset();

  private static final PrintStream OUT = new PrintStream(new FileOutputStream(FileDescriptor.out), true, CHARSET);
  private static final PrintStream ERR = new PrintStream(new FileOutputStream(FileDescriptor.err), true, CHARSET);

  private Terminal() {}

  static void say(String line) {
    OUT.println(printable(line));
  }

  static void complain(String line) {
    ERR.println(printable(line));
  }

  /** Other people's text must not move the cursor or change the title of this terminal. */
  private static String printable(String text) {
    return text.replaceAll("\\p{Cntrl}", "\uFFFD");
  }
}
