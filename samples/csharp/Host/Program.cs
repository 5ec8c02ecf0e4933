// A host with a Whisper model: Host MODEL FILE. Prints each segment as soon as it is final.
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using WhisperTrt;

if (args.Length != 2)
{
    Console.Error.WriteLine("usage: Host MODEL FILE");
    return 2;
}

HostApplicationBuilder builder = Host.CreateApplicationBuilder();

// The library's log lines go to the host's loggers; here to standard error.
builder.Logging.AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
builder.Services.AddWhisper(options => options.Model = args[0]);
using IHost host = builder.Build();

try
{
    // Where it is needed, as any service: here, or in a constructor's parameters.
    ISpeechToTextClient client = host.Services.GetRequiredService<ISpeechToTextClient>();
    using FileStream speech = File.OpenRead(args[1]);
    await foreach (SpeechToTextResponseUpdate update in client.GetStreamingTextAsync(speech))
    {
        if (update.Kind == SpeechToTextResponseUpdateKind.TextUpdated)
        {
            Console.WriteLine($"[{update.StartTime:mm\\:ss\\.ff} -> {update.EndTime:mm\\:ss\\.ff}] {update.Text}");
        }
    }

    return 0;
}
catch (Exception error) when (error is WhisperException or IOException)
{
    Console.Error.WriteLine($"Host: {error.Message}");
    return 1;
}
