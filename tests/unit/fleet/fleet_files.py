"""Small files in every format the readers know, made on the spot: the tests' own data."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

SKAB_HEADER = (
    "datetime;Accelerometer1RMS;Accelerometer2RMS;Current;Pressure;Temperature;Thermocouple;Voltage;"
    "Volume Flow RateRMS;anomaly;changepoint"
)
PACKET_HEADER = (
    "frame.number,frame.time,frame.len,eth.src,eth.dst,ip.src,ip.dst,"
    "ip.proto,ip.len,tcp.len,tcp.srcport,tcp.dstport,Value,normality"
)
BITBRAINS_COLUMNS = (
    "CPU usage [MHZ]",
    "Memory usage [KB]",
    "Disk read throughput [KB/s]",
    "Disk write throughput [KB/s]",
    "Network received throughput [KB/s]",
    "Network transmitted throughput [KB/s]",
)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


def write_parquet(path: Path, **columns: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.table(columns), path)
    return path


def nab(folder: Path) -> Path:
    path = write(
        folder / "nab/data/realTraffic/speed.csv",
        "timestamp,value\n2015-08-31 18:00:00,90\n2015-08-31 18:05:00,\n2015-08-31 18:10:00,1e2\n2015-08-31 18:15:00,7\n",
    )
    windows = {"realTraffic/speed.csv": [["2015-08-31 18:10:00.000000", "2015-08-31 18:15:00.000000"]]}
    write(folder / "nab/labels/combined_windows.json", json.dumps(windows))
    return path


def skab(folder: Path) -> Path:
    rows = [f"2020-03-01 15:44:0{second};0.1;0.2;1.5;0.05;90;22;{230 + second};76;{float(second > 2)};0.0" for second in range(5)]
    return write(folder / "skab/data/valve2/1.csv", "\n".join([SKAB_HEADER, *rows]) + "\n")


def kpi(folder: Path) -> Path:
    return write_parquet(
        folder / "kpi/a.parquet",
        timestamp=[1_491_041_280 + 60 * row for row in range(4)],
        value=[35.0, None, 36.5, 99.0],
        label=pa.array([0, 0, 0, 1], pa.uint8()),
        part=["train", "train", "test", "test"],
    )


def machine(folder: Path, metrics: int = 38) -> Path:
    path = folder / f"machines/machine-{metrics}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    grid = np.arange(7 * metrics, dtype=np.float32).reshape(7, metrics) / 1000
    np.savez(path, train=grid[:4], test=grid[4:], test_label=np.array([0, 1, 0], np.uint8))
    return path


def msl(folder: Path) -> Path:
    path = folder / "msl/M-6.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, train=np.zeros((3, 55), np.float32), test=np.ones((4, 55), np.float32))
    write(
        folder / "msl/labeled_anomalies.csv",
        'chan_id,spacecraft,anomaly_sequences,class,num_values\nM-6,MSL,"[[1, 2]]",[point],4\n',
    )
    return path


def ton_iot_garage(folder: Path) -> Path:
    return write(
        folder / "ton/Train_Test_IoT_Garage_Door.csv",
        "\ufeffts,date,time,door_state,sphone_signal,label,type\r\n"
        "1556228558,25-Apr-19, 14:42:38 ,open,1,1,ddos\r\n"
        "1554203357,2-Apr-19,   04:09:17   ,closed,false  ,0,normal\r\n"
        "1554203357,2-Apr-19,   04:09:17   ,closed,true  ,0,normal\r\n",
    )


def ton_iot_weather(folder: Path) -> Path:
    return write(
        folder / "ton/Train_Test_IoT_Weather.csv",
        "\ufeffdate,time,temperature,pressure,humidity,label,type\r\n25-Apr-19,17:33:16,40.9,-0.1,38.4,1,ddos\r\n",
    )


def bitbrains(folder: Path) -> Path:
    return write_parquet(
        folder / "bitbrains/rnd.parquet",
        vm=[9, 1, 9],
        **{"Timestamp [ms]": [1_372_629_804, 1_372_629_804, 1_372_629_504]},
        **{name: [float(index), 2.0, 30.0] for index, name in enumerate(BITBRAINS_COLUMNS)},
    )


def planetlab(folder: Path) -> Path:
    path = folder / "planetlab/20110303.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, cpu_percent=np.array([[1, 2, 3], [40, 50, 60]], np.uint8))
    return path


def rt_iot(folder: Path) -> Path:
    return write_parquet(
        folder / "rt/train.parquet",
        **{
            "id.orig_p": [1, 2],
            "id.resp_p": [3, 4],
            "proto": ["tcp", "udp"],
            "service": ["mqtt", "-"],
            "flow_duration": [0.5, 2.0],
        },
        **{"fwd_pkts_payload.min": [0.0, 1.0], "Attack_type": ["MQTT_Publish", "DOS_SYN_Hping"]},
    )


def packets(folder: Path) -> Path:
    rows = (
        "1,1584273600.25,60,87971959760497,167275820076079,192168035,1921680121,6.0,40.0,0.0,49279.0,80.0,-99.0,0",
        "2,1584273601,1500,11,12,13,14,17.0,1480.0,,,,-99.0,2",
        "3,1584273599,61,87971959760497,167275820076079,192168035,1921680121,6.0,41.0,1.0,49279.0,80.0,5.5,0",
    )
    return write(folder / "packets/log.csv", "\n".join([PACKET_HEADER, *rows]) + "\n")


MAKERS: dict[str, Callable[[Path], Path]] = {
    "nab": nab,
    "skab": skab,
    "kpi": kpi,
    "machines": machine,
    "msl": msl,
    "ton-iot": ton_iot_garage,
    "bitbrains": bitbrains,
    "planetlab": planetlab,
    "rt-iot2022": rt_iot,
    "packets": packets,
}
