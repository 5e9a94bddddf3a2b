# A formula for Homebrew: `make formula URL=https://…/hob-0.1.0.tar.gz` fills in where the source is and its digest.
# Written for Homebrew's sandbox and not yet run in it. What hob needs is installed from its own locks, with their digests; llama.cpp is compiled here, as everywhere.
class Hob < Formula
  include Language::Python::Virtualenv

  desc "Local language models as a service that a machine can trust"
  homepage "@URL@"
  url "@URL@"
  sha256 "@SHA256@"
  license "Apache-2.0"

  depends_on "cmake" => :build
  depends_on "ninja" => :build
  depends_on "python@3.13"

  def install
    python = Formula["python@3.13"].opt_bin/"python3.13"
    system python, "-m", "venv", libexec
    pip = [libexec/"bin/python", "-m", "pip", "install", "--no-cache-dir"]
    locks = buildpath/"requirements"
    system(*pip, "--require-hashes", "-r", locks/"build.lock")
    system(*pip, "--require-hashes", "-r", locks/"whole.lock")
    ENV["CMAKE_ARGS"] = "-DCMAKE_PROJECT_llama.cpp_INCLUDE=#{buildpath}/packaging/llama-cpp/options.cmake"
    system(*pip, "--require-hashes", "--no-deps", "--no-build-isolation", "-r", locks/"engine.lock")
    system(*pip, "--no-deps", buildpath)
    bin.install_symlink libexec/"bin/hob", libexec/"bin/hobd"
    generate_completions_from_executable(bin/"hob", "completion")
  end

  service do
    run [opt_libexec/"bin/python", "-I", "-m", "hobd"]
    keep_alive crashed: true
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/hob version")
  end
end
