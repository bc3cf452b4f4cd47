package local_aws;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URL;
import java.net.URLEncoder;
import java.nio.file.AccessDeniedException;
import java.util.EnumSet;
import org.apache.hadoop.fs.ContentSummary;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileChecksum;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.PathFilter;
import org.apache.hadoop.fs.QuotaUsage;
import org.apache.hadoop.fs.RemoteIterator;
import org.apache.hadoop.fs.permission.FsAction;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.fs.viewfs.ViewFileSystemOverloadScheme;
import org.apache.hadoop.util.Progressable;

/**
 * The s3:// paths of a run whose role is restricted: asks the embedded AWS before each operation.
 *
 * Compiled by Janino, which Spark brings: no lambdas, no type inference.
 */
public class AuthorizedS3 extends ViewFileSystemOverloadScheme {
  public AuthorizedS3() throws IOException {
    super();
  }

  public FSDataInputStream open(Path path, int bufferSize) throws IOException {
    ask("open", path, null);
    return super.open(path, bufferSize);
  }

  public FSDataOutputStream create(
      Path path, FsPermission permission, boolean overwrite, int bufferSize, short replication,
      long blockSize, Progressable progress) throws IOException {
    ask("create", path, null);
    return super.create(
        path, permission, overwrite, bufferSize, replication, blockSize, progress);
  }

  public FSDataOutputStream createNonRecursive(
      Path path, FsPermission permission, EnumSet flags, int bufferSize, short replication,
      long blockSize, Progressable progress) throws IOException {
    ask("create", path, null);
    return super.createNonRecursive(
        path, permission, flags, bufferSize, replication, blockSize, progress);
  }

  public FSDataOutputStream append(Path path, int bufferSize, Progressable progress)
      throws IOException {
    ask("append", path, null);
    return super.append(path, bufferSize, progress);
  }

  public boolean truncate(Path path, long length) throws IOException {
    ask("truncate", path, null);
    return super.truncate(path, length);
  }

  public boolean delete(Path path, boolean recursive) throws IOException {
    ask("delete", path, null);
    return super.delete(path, recursive);
  }

  public boolean delete(Path path) throws IOException {
    return delete(path, true);
  }

  public boolean rename(Path source, Path target) throws IOException {
    ask("rename", source, target);
    return super.rename(source, target);
  }

  public boolean mkdirs(Path path, FsPermission permission) throws IOException {
    ask("mkdirs", path, null);
    return super.mkdirs(path, permission);
  }

  public boolean mkdirs(Path path) throws IOException {
    return mkdirs(path, FsPermission.getDirDefault());
  }

  public FileStatus getFileStatus(Path path) throws IOException {
    ask("getFileStatus", path, null);
    return super.getFileStatus(path);
  }

  public FileStatus[] listStatus(Path path) throws IOException {
    ask("listStatus", path, null);
    return super.listStatus(path);
  }

  public RemoteIterator listLocatedStatus(Path path, PathFilter filter) throws IOException {
    ask("listStatus", path, null);
    return super.listLocatedStatus(path, filter);
  }

  // Spark's reading and writing does without these, so that nobody has looked up what S3A does.

  public ContentSummary getContentSummary(Path path) throws IOException {
    ask("getContentSummary", path, null);
    return super.getContentSummary(path);
  }

  public QuotaUsage getQuotaUsage(Path path) throws IOException {
    ask("getQuotaUsage", path, null);
    return super.getQuotaUsage(path);
  }

  public FileChecksum getFileChecksum(Path path) throws IOException {
    ask("getFileChecksum", path, null);
    return super.getFileChecksum(path);
  }

  public FileChecksum getFileChecksum(Path path, long length) throws IOException {
    ask("getFileChecksum", path, null);
    return super.getFileChecksum(path, length);
  }

  public void access(Path path, FsAction mode) throws IOException {
    ask("access", path, null);
    super.access(path, mode);
  }

  private void ask(String operation, Path path, Path target) throws IOException {
    String form = "operation=" + operation + "&path=" + encoded(path);
    if (target != null) {
      form = form + "&target=" + encoded(target);
    }
    String key = System.getenv("AWS_ACCESS_KEY_ID");
    URL url = new URL(System.getenv("LOCAL_AWS_AUTHORIZE_URL"));
    HttpURLConnection connection = (HttpURLConnection) url.openConnection();
    connection.setRequestMethod("POST");
    connection.setDoOutput(true);
    connection.setRequestProperty("Authorization", "AWS4-HMAC-SHA256 Credential=" + key + "/");
    connection.setRequestProperty("X-Amz-Security-Token", System.getenv("AWS_SESSION_TOKEN"));
    connection.setRequestProperty("Content-Type", "application/x-www-form-urlencoded");
    connection.getOutputStream().write(form.getBytes("UTF-8"));
    int status = connection.getResponseCode();
    String answer = text(status < 400 ? connection.getInputStream() : connection.getErrorStream());
    if (status == 403) {
      throw new AccessDeniedException(path.toString(), null, answer);
    }
    if (status != 200) {
      throw new IOException(operation + " of " + path + ": " + answer);
    }
  }

  private String encoded(Path path) throws IOException {
    return URLEncoder.encode(makeQualified(path).toString(), "UTF-8");
  }

  private static String text(InputStream stream) throws IOException {
    if (stream == null) {
      return "";
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    byte[] buffer = new byte[4096];
    int count = stream.read(buffer);
    while (count >= 0) {
      bytes.write(buffer, 0, count);
      count = stream.read(buffer);
    }
    stream.close();
    return new String(bytes.toByteArray(), "UTF-8");
  }
}
